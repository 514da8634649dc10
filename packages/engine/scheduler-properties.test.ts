import { ERROR_TABLE } from '@evastream/core/error-table'
import type { ErrorCode } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { KIB } from '@evastream/core/units'
import { aShape, type Fact, peerNamed } from '@evastream/testkit/scheduler-driver'
import { SchedulerWitness } from '@evastream/testkit/scheduler-witness'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SchedulerCommand } from './commands.ts'
import { type EngineConfig, engineConfig } from './config.ts'
import type { SchedulerEvent } from './events.ts'
import { Scheduler } from './scheduler.ts'

const SONGS = [
  { songId: parseSongId('blocks'), shape: aShape(9, 64 * KIB, 8 * 64 * KIB + 1), hasBlockHashes: true },
  { songId: parseSongId('whole'), shape: aShape(5, 48 * KIB), hasBlockHashes: false },
  { songId: parseSongId('tiny'), shape: aShape(1, 16 * KIB, 5), hasBlockHashes: true },
] as const
const PEERS = ['anna', 'boris', 'clara', 'dora'].map(peerNamed)
const CODES = Object.keys(ERROR_TABLE) as ErrorCode[]

/** Small bounds, so that they are reached. */
const SMALL: Partial<EngineConfig> = {
  downloadsInFlightMax: 5,
  chunksInProgressMax: 4,
  neighboursPerSongMax: 3,
  originRequestsMax: 3,
  rememberedPeersMax: 3,
}

/** One thing that happens. Numbers are taken modulo what there is to choose from. */
interface Step {
  readonly kind: string
  readonly pick: number
  readonly other: number
  readonly flag: boolean
  readonly waitMs: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('serve', 'serve', 'finish', 'fail', 'bytes', 'complete', 'complete') },
    { weight: 3, arbitrary: fc.constantFrom('list', 'has', 'arriving', 'lacks', 'lost', 'found', 'unfound', 'wake', 'wake', 'wake') },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'add',
        'remove',
        'interest',
        'move',
        'stop',
        'queue',
        'chunk-lost',
        'stray-request',
        'stray-chunk',
        'woke-early',
      ),
    },
  ),
  pick: fc.nat(1000),
  other: fc.nat(1000),
  flag: fc.boolean(),
  waitMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(3000)),
})

function at<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)]
}

/** A Scheduler to which things happen, watched by a witness. */
class Ordeal {
  readonly scheduler: Scheduler
  readonly witness: SchedulerWitness
  readonly log: (readonly SchedulerCommand[])[] = []
  now = 0

  constructor(seed: number) {
    const config = engineConfig(SMALL)
    this.scheduler = new Scheduler(config, seededRandom(seed))
    this.witness = new SchedulerWitness(config)
  }

  tell(fact: Fact): readonly SchedulerCommand[] {
    const event = { ...fact, at: this.now } as SchedulerEvent
    const commands = this.scheduler.handle(event)
    this.log.push(commands)
    this.witness.saw(event, commands, this.scheduler)
    expect(this.witness.violations).toEqual([])
    return commands
  }

  take({ kind, pick, other, flag, waitMs }: Step): void {
    this.now += waitMs
    const song = at(SONGS, pick) ?? SONGS[0]
    const peerId = at(PEERS, other) ?? PEERS[0] ?? peerNamed('anna')
    const chunkIds = Array.from({ length: song.shape.chunkCount }, (_, chunkId) => chunkId).filter(
      chunkId => (other >> (chunkId % 10)) % 2 === 0,
    )
    const chunkId = other % (song.shape.chunkCount + 1)
    const { songId } = song
    if (kind === 'add') this.add(pick, chunkIds, flag)
    else if (kind === 'remove') this.tell({ kind: 'song-removed', songId })
    else if (kind === 'interest') this.tell({ kind: 'interest-changed', songId, interest: flag ? 'seed' : 'idle' })
    else if (kind === 'move')
      this.tell({ kind: 'playback-moved', songId, readerId: flag ? 'one' : 'two', positionBytes: (other / 1000) * song.shape.fileSize })
    else if (kind === 'stop') this.tell({ kind: 'playback-stopped', songId, readerId: flag ? 'one' : 'two' })
    else if (kind === 'queue')
      this.tell({ kind: 'queue-changed', songIds: SONGS.filter((_, index) => (other >> index) % 2 === 0).map(queued => queued.songId) })
    else if (kind === 'list') this.tell({ kind: 'peer-listed', songId, peerId, chunkIds, told: flag ? 'peer' : 'tracker' })
    else if (kind === 'has') this.tell({ kind: 'peer-has', songId, peerId, chunkIds: [chunkId] })
    else if (kind === 'arriving')
      this.tell({ kind: 'peer-arriving', songId, peerId, chunks: [{ chunkId, blocks: flag ? [pick % 16] : [] }] })
    else if (kind === 'lacks') this.tell({ kind: 'peer-lacks', songId, peerId, chunkIds: [chunkId] })
    else if (kind === 'lost') this.tell({ kind: 'peer-lost', peerId, code: at(CODES, pick) ?? 'EVA_PEER_CLOSED' })
    else if (kind === 'found') this.tell({ kind: 'peers-found', songId })
    else if (kind === 'unfound') this.tell({ kind: 'peers-unfound', songId, code: 'EVA_SERVICE_UNREACHABLE' })
    else if (kind === 'chunk-lost') this.tell({ kind: 'chunk-lost', songId, chunkId })
    else if (kind === 'stray-chunk') this.strayChunk(songId, chunkId, pick)
    else if (kind === 'woke-early') this.tell({ kind: 'woke' })
    else if (kind === 'wake') this.wake()
    else if (kind === 'complete') this.complete(pick, other)
    else this.answer(kind, pick, other)
  }

  add(pick: number, heldChunkIds: readonly number[], isSeed: boolean): void {
    const song = at(SONGS, pick) ?? SONGS[0]
    this.tell({ kind: 'song-added', ...song, byteRateBytesPerSecond: 16_000, heldChunkIds, interest: isSeed ? 'seed' : 'idle' })
  }

  /** Something happens to one of the open requests, or to one that is not open. */
  answer(kind: string, pick: number, other: number): void {
    const request = at([...this.witness.openRequests.values()], pick)
    const requestId = kind === 'stray-request' || request === undefined ? 1_000_000 + pick : request.requestId
    const sizeBytes = 1 + (other % (16 * KIB))
    if (kind === 'bytes' || kind === 'stray-request') this.tell({ kind: 'bytes-arrived', requestId, sizeBytes })
    else if (kind === 'finish') this.tell({ kind: 'request-finished', requestId })
    else if (kind === 'fail') {
      const code = at(CODES, other) ?? 'EVA_PEER_CLOSED'
      this.tell({ kind: 'request-failed', requestId, code, ...(other % 3 === 0 ? { retryAfterMs: other } : {}) })
    } else if (request !== undefined) {
      this.tell({ kind: 'bytes-arrived', requestId, sizeBytes: 16 * KIB })
      if (request.verify === 'blocks')
        this.tell({ kind: 'blocks-verified', requestId, firstBlock: request.firstBlock + (other % request.blockCount), blockCount: 1 })
    }
  }

  complete(pick: number, other: number): void {
    const [songId, chunkId] = at(this.witness.completing(), pick) ?? []
    if (songId === undefined || chunkId === undefined) return
    if (other % 5 === 0) this.tell({ kind: 'chunk-rejected', songId, chunkId })
    else if (other % 5 === 1) this.tell({ kind: 'chunk-unstored', songId, chunkId, code: 'EVA_STORAGE_FULL' })
    else this.tell({ kind: 'chunk-stored', songId, chunkId })
  }

  /** A late answer about a chunk that may have been begun, or not. */
  strayChunk(songId: SongId, chunkId: number, pick: number): void {
    const kind = at(['chunk-stored', 'chunk-rejected', 'chunk-unstored'] as const, pick) ?? 'chunk-stored'
    if (kind === 'chunk-unstored') this.tell({ kind, songId, chunkId, code: 'EVA_STORAGE_FAILED' })
    else this.tell({ kind, songId, chunkId })
  }

  /** Sleeps until it wants to be woken. A moment that is past, or that does not move on, would be a busy loop. */
  wake(): void {
    const wakeAt = this.scheduler.nextWakeAt()
    if (wakeAt === undefined) return
    expect(Number.isFinite(wakeAt)).toBe(true)
    this.now = Math.max(this.now, wakeAt)
    let wakes = 0
    for (; wakes < 5 && (this.scheduler.nextWakeAt() ?? Number.POSITIVE_INFINITY) <= this.now; wakes++) this.tell({ kind: 'woke' })
    expect(wakes).toBeLessThan(5)
  }

  /** From now on every source serves, the disk stores and the tracker answers: goes on until nothing is wanted. */
  heal(stepsMax: number): boolean {
    for (let steps = 0; steps < stepsMax && this.witness.wantedChunks().length > 0; steps++) {
      const [request] = this.witness.openRequests.values()
      const [songId, chunkId] = this.witness.completing()[0] ?? []
      this.now += 1
      if (songId !== undefined && chunkId !== undefined) this.tell({ kind: 'chunk-stored', songId, chunkId })
      else if (request !== undefined) this.tell({ kind: 'request-finished', requestId: request.requestId })
      else {
        if (this.scheduler.nextWakeAt() === undefined) return false
        this.wake()
      }
    }
    return this.witness.wantedChunks().length === 0
  }
}

function endured(steps: readonly Step[], seed: number): Ordeal {
  const ordeal = new Ordeal(seed)
  ordeal.add(0, [], true)
  for (const each of steps) ordeal.take(each)
  return ordeal
}

const steps = fc.array(step, { minLength: 1, maxLength: 150 })

describe('scheduler: whatever happens', () => {
  test('it never throws, and no promise of commands.ts or of the config is broken', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (each, seed) => {
        endured(each, seed)
      }),
      { seed: 1, numRuns: 600 },
    )
  })

  test('once all is well again, everything that is wanted is there after some time', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (each, seed) => {
        const ordeal = endured(each, seed)
        expect(ordeal.heal(3000)).toBe(true)
      }),
      { seed: 2, numRuns: 400 },
    )
  })

  test('the same events and the same seed: the same commands', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (each, seed) => {
        expect(endured(each, seed).log).toEqual(endured(each, seed).log)
      }),
      { seed: 3, numRuns: 60 },
    )
  })

  test('nothing happens any more: it is woken at most a few times a second, and never without end', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (each, seed) => {
        const ordeal = endured(each, seed)
        const start = ordeal.now
        let wakes = 0
        for (; wakes < 2000 && ordeal.now < start + 60_000 && ordeal.scheduler.nextWakeAt() !== undefined; wakes++) ordeal.wake()
        // Sixteen requests, each looked at ten times a second at most, would be the worst; they are given up within seconds.
        expect(wakes).toBeLessThan(900)
      }),
      { seed: 4, numRuns: 100 },
    )
  })
})
