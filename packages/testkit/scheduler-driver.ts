// Fake hands for a Scheduler: carries out its commands against made-up sources on virtual time, and feeds it what follows.
// Not the simulator (no swarm, no protocol, no uploads): one node and the sources it sees, for the engine's own tests.
// Invariant: events reach the Scheduler in the order of their times, each command's outcome comes back as an event, and a seed
// decides all chance.

import { assert } from '@evastream/core/assert'
import type { ErrorCode } from '@evastream/core/errors'
import { type ChunkId, type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { blockLengthBytes, type SongShape } from '@evastream/core/manifest'
import { seededRandom } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { CompleteChunk, RequestBlocks, SchedulerCommand, Source } from '@evastream/engine/commands'
import { type EngineConfig, engineConfig } from '@evastream/engine/config'
import type { SchedulerEvent, SongAdded } from '@evastream/engine/events'
import { Scheduler } from '@evastream/engine/scheduler'
import { SchedulerWitness } from './scheduler-witness.ts'

/** What becomes of a request at a source: bytes in time, nothing ever, or a failure with its code. */
export type Conduct =
  | 'serves'
  | 'is silent'
  | { readonly failsWith: ErrorCode; readonly afterBlocks?: number; readonly retryAfterMs?: number }

export interface FakeSource {
  rateBytesPerSecond: number
  roundTripMs: number
  conduct: Conduct | ((request: RequestBlocks) => Conduct)
}

export type Verdict =
  | { readonly kind: 'chunk-stored' }
  | { readonly kind: 'chunk-rejected' }
  | { readonly kind: 'chunk-unstored'; readonly code: ErrorCode }

/** An event without its time. */
export type Fact = SchedulerEvent extends infer Event ? (Event extends SchedulerEvent ? Omit<Event, 'at'> : never) : never

export interface SchedulerDriverOptions {
  readonly config?: Partial<EngineConfig>
  readonly seed?: number
  /** How long (ms) the tracker takes; undefined: it is down. */
  readonly trackerMs?: number | undefined
}

interface Planned {
  readonly at: Millis
  readonly order: number
  readonly requestId?: number
  readonly run: () => void
}

export const aSongId: SongId = parseSongId('song-1')

export function peerNamed(name: string): PeerId {
  return parsePeerId(name)
}

/** A song of whole chunks, unless a size is given. */
export function aShape(chunkCount: number, chunkSize = 256 * 1024, fileSize = chunkCount * chunkSize): SongShape {
  return { fileSize, chunkSize, chunkCount }
}

export class SchedulerDriver {
  readonly scheduler: Scheduler
  /** Watches every step; the first broken promise ends the run. */
  readonly witness: SchedulerWitness
  readonly origin: FakeSource = { rateBytesPerSecond: 10_000_000, roundTripMs: 20, conduct: 'serves' }
  readonly events: SchedulerEvent[] = []
  readonly commands: SchedulerCommand[] = []
  /** Bytes that arrived, by source (`origin` or the peer's id). */
  readonly bytesFrom = new Map<string, number>()
  readonly stored = new Map<SongId, Set<ChunkId>>()
  now: Millis = 0
  trackerMs: number | undefined
  verdictOf: (command: CompleteChunk) => Verdict = () => ({ kind: 'chunk-stored' })
  /** Sees every event and the commands that answered it, before they are carried out. */
  observe: (event: SchedulerEvent, commands: readonly SchedulerCommand[]) => void = () => {}
  readonly #peers = new Map<PeerId, FakeSource>()
  readonly #holdings = new Map<SongId, Map<PeerId, readonly ChunkId[]>>()
  readonly #shapes = new Map<SongId, SongShape>()
  readonly #freeAt = new Map<string, Millis>()
  readonly #servedBy = new Map<number, string>()
  #plans: Planned[] = []
  #order = 0

  constructor(options: SchedulerDriverOptions = {}) {
    const config = engineConfig(options.config)
    this.scheduler = new Scheduler(config, seededRandom(options.seed ?? 1))
    this.witness = new SchedulerWitness(config)
    this.trackerMs = 'trackerMs' in options ? options.trackerMs : 5
  }

  /** Adds a song; wanted as a seed, with block hashes and nothing held, unless said otherwise. */
  addSong(shape: SongShape, changes: Partial<Omit<SongAdded, 'kind' | 'at' | 'shape'>> = {}): SongId {
    const songId = changes.songId ?? aSongId
    this.#shapes.set(songId, shape)
    this.stored.set(songId, new Set(changes.heldChunkIds))
    const defaults = { byteRateBytesPerSecond: 40_000, hasBlockHashes: true, heldChunkIds: [], interest: 'seed' as const }
    this.tell({ kind: 'song-added', ...defaults, ...changes, songId, shape })
    return songId
  }

  /** A peer that the tracker knows from now on; it holds all of the song unless said otherwise. */
  addPeer(name: string, source: Partial<FakeSource> = {}, holds: { songId?: SongId; chunkIds?: readonly ChunkId[] } = {}): FakeSource {
    const peerId = peerNamed(name)
    const songId = holds.songId ?? aSongId
    const fake = this.#peers.get(peerId) ?? { rateBytesPerSecond: 2_000_000, roundTripMs: 20, conduct: 'serves' as Conduct }
    Object.assign(fake, source)
    this.#peers.set(peerId, fake)
    const holdings = this.#holdings.get(songId) ?? new Map<PeerId, readonly ChunkId[]>()
    holdings.set(peerId, holds.chunkIds ?? Array.from({ length: this.#shapes.get(songId)?.chunkCount ?? 0 }, (_, chunkId) => chunkId))
    this.#holdings.set(songId, holdings)
    return fake
  }

  /** The tracker forgets the peer, and what is asked of it is never answered. */
  removePeer(name: string): void {
    this.#peers.delete(peerNamed(name))
    for (const holdings of this.#holdings.values()) holdings.delete(peerNamed(name))
    this.#stopServing(name)
  }

  /** Feeds an event now. @returns the commands that answered it. */
  tell(fact: Fact): readonly SchedulerCommand[] {
    const event = { ...fact, at: this.now } as SchedulerEvent
    this.events.push(event)
    if (event.kind === 'peer-lost') this.#stopServing(event.peerId)
    const commands = this.scheduler.handle(event)
    this.commands.push(...commands)
    this.witness.saw(event, commands, this.scheduler)
    assert(this.witness.violations.length === 0, this.witness.violations.join('; '))
    this.observe(event, commands)
    for (const command of commands) this.#carryOut(command)
    return commands
  }

  after(delayMs: number, run: () => void, requestId?: number): void {
    this.#plans.push({ at: this.now + delayMs, order: this.#order++, run, ...(requestId === undefined ? {} : { requestId }) })
  }

  /** Lets time pass until `isOver`, or for so long. @returns whether `isOver` came true. */
  run(durationMs: number, isOver: () => boolean = () => false): boolean {
    const end = this.now + durationMs
    while (!isOver()) {
      const next = this.#nextPlan()
      const wakeAt = this.scheduler.nextWakeAt() ?? Number.POSITIVE_INFINITY
      const at = Math.max(this.now, Math.min(next?.at ?? Number.POSITIVE_INFINITY, wakeAt))
      if (at > end) {
        this.now = end
        return false
      }
      this.now = at
      if (next !== undefined && next.at <= wakeAt) {
        this.#plans = this.#plans.filter(plan => plan !== next)
        next.run()
      } else this.tell({ kind: 'woke' })
    }
    return true
  }

  runUntilHeld(durationMs: number, songId: SongId = aSongId): boolean {
    return this.run(durationMs, () => this.stored.get(songId)?.size === this.#shapes.get(songId)?.chunkCount)
  }

  requests(): RequestBlocks[] {
    return this.commands.filter(command => command.kind === 'request-blocks')
  }

  #nextPlan(): Planned | undefined {
    let next: Planned | undefined
    for (const plan of this.#plans)
      if (next === undefined || plan.at < next.at || (plan.at === next.at && plan.order < next.order)) next = plan
    return next
  }

  #carryOut(command: SchedulerCommand): void {
    if (command.kind === 'request-blocks') this.#serve(command)
    else if (command.kind === 'cancel-request') this.#plans = this.#plans.filter(plan => plan.requestId !== command.requestId)
    else if (command.kind === 'find-peers') this.#findPeers(command.songId)
    else if (command.kind === 'complete-chunk') this.after(1, () => this.#complete(command))
  }

  /** What was on its way from a peer does not arrive. */
  #stopServing(name: string): void {
    this.#plans = this.#plans.filter(({ requestId }) => requestId === undefined || this.#servedBy.get(requestId) !== name)
    this.#freeAt.delete(name)
  }

  #findPeers(songId: SongId): void {
    const { trackerMs } = this
    this.after(trackerMs ?? 1, () => {
      if (trackerMs === undefined) {
        this.tell({ kind: 'peers-unfound', songId, code: 'EVA_SERVICE_UNREACHABLE' })
        return
      }
      for (const [peerId, chunkIds] of this.#holdings.get(songId) ?? [])
        this.tell({ kind: 'peer-listed', songId, peerId, chunkIds, told: 'tracker' })
      this.tell({ kind: 'peers-found', songId })
    })
  }

  #complete(command: CompleteChunk): void {
    const { songId, chunkId } = command
    const verdict = this.verdictOf(command)
    if (verdict.kind === 'chunk-stored') this.stored.get(songId)?.add(chunkId)
    this.tell({ ...verdict, songId, chunkId })
  }

  #serve(request: RequestBlocks): void {
    const { requestId, source } = request
    const fake = source.kind === 'origin' ? this.origin : this.#peers.get(source.peerId)
    const shape = this.#shapes.get(request.songId)
    if (fake === undefined || shape === undefined) return
    const conduct = typeof fake.conduct === 'function' ? fake.conduct(request) : fake.conduct
    if (conduct === 'is silent') return
    const failure = conduct === 'serves' ? undefined : conduct
    const blocks = failure === undefined ? request.blockCount : Math.min(request.blockCount, failure.afterBlocks ?? 0)
    const name = nameOf(source)
    this.#servedBy.set(requestId, name)
    let at = Math.max(this.now + fake.roundTripMs, this.#freeAt.get(name) ?? 0)
    for (let block = request.firstBlock; block < request.firstBlock + blocks; block++) {
      const sizeBytes = blockLengthBytes(shape, request.chunkId, block)
      at += (sizeBytes * 1000) / fake.rateBytesPerSecond
      this.after(at - this.now, () => this.#deliver(request, block, sizeBytes), requestId)
    }
    if (blocks > 0) this.#freeAt.set(name, at)
    const end: Fact =
      failure === undefined
        ? { kind: 'request-finished', requestId }
        : {
            kind: 'request-failed',
            requestId,
            code: failure.failsWith,
            ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
          }
    this.after(at - this.now, () => this.tell(end), requestId)
  }

  #deliver(request: RequestBlocks, block: number, sizeBytes: number): void {
    const { requestId } = request
    const name = nameOf(request.source)
    this.bytesFrom.set(name, (this.bytesFrom.get(name) ?? 0) + sizeBytes)
    this.tell({ kind: 'bytes-arrived', requestId, sizeBytes })
    // The event before may have had the request cancelled.
    if (request.verify === 'blocks') this.tell({ kind: 'blocks-verified', requestId, firstBlock: block, blockCount: 1 })
  }
}

function nameOf(source: Source): string {
  return source.kind === 'origin' ? 'origin' : source.peerId
}
