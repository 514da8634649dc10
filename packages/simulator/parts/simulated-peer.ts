// The machine of a simulated peer: its disk and its link, which outlive the process that runs on it.
// Not the process (peer-process.ts): a crash ends one, a restart makes the next on the same disk.
// Invariant: at most one process at a time; each has a Scheduler of its own, seeded from the peer's own random.

import type { PeerId, SongId } from '@evastream/core/ids'
import type { PeerPlan, SongPlan } from '../worlds/world-plan.ts'
import { PeerProcess, type PeerProcessDeps, type SchedulerPort } from './peer-process.ts'
import { SimulatedStore } from './simulated-store.ts'

export type SchedulerMaker = (seed: number, peerId: PeerId) => SchedulerPort

export interface SimulatedPeerDeps extends Omit<PeerProcessDeps, 'store' | 'scheduler'> {
  readonly makeScheduler: SchedulerMaker
}

export interface SimulatedPeerOptions {
  readonly plan: PeerPlan
  readonly songs: readonly SongPlan[]
  readonly checksHashes: boolean
}

const SCHEDULER_SEED_BOUND = 2 ** 32

export class SimulatedPeer {
  readonly plan: PeerPlan
  readonly store = new SimulatedStore()
  readonly #deps: SimulatedPeerDeps
  readonly #options: SimulatedPeerOptions
  #process: PeerProcess | undefined
  #hasLeft = false
  #isDead = false

  constructor(deps: SimulatedPeerDeps, options: SimulatedPeerOptions) {
    this.plan = options.plan
    this.#deps = deps
    this.#options = options
  }

  /** The process now running, if one is. */
  get process(): PeerProcess | undefined {
    return this.#process
  }

  /** It was killed for good. */
  get isDead(): boolean {
    return this.#isDead
  }

  join(): void {
    for (const { songId, heldAtStart } of this.plan.songs) for (const chunkId of heldAtStart) this.store.save(songId, chunkId, true)
    this.start()
  }

  start(): void {
    if (this.#process !== undefined || this.#hasLeft) return
    this.store.verifyAll()
    const schedulerSeed = this.#deps.random.below(SCHEDULER_SEED_BOUND)
    const scheduler = this.#deps.makeScheduler(schedulerSeed, this.plan.peerId)
    const snapshot = () => scheduler.snapshot?.()
    this.#deps.observer.started(this.#deps.clock.now(), this.plan.peerId, { schedulerSeed, snapshot })
    this.#process = new PeerProcess({ ...this.#deps, store: this.store, scheduler }, this.#options)
    this.#process.start()
  }

  leave(): void {
    this.#hasLeft = true
    this.#end('politely')
  }

  /** Its process ends and no other comes. */
  die(isSilent: boolean): void {
    this.#isDead = true
    this.#hasLeft = true
    this.#end(isSilent ? 'silently' : 'crash')
  }

  crash(options: { readonly isSilent: boolean; readonly keepsStore: boolean }): void {
    this.#end(options.isSilent ? 'silently' : 'crash')
    if (!options.keepsStore) this.store.dropAll()
  }

  /** What it still wants and does not hold, as "song-1: 3 of 12 chunks" for people; empty when it has all. */
  missing(): string[] {
    return this.#wishes().flatMap(({ song, fromChunk }) => {
      const missing: number[] = []
      for (let chunkId = fromChunk; chunkId < song.shape.chunkCount; chunkId++) if (this.#lacks(song, chunkId)) missing.push(chunkId)
      return missing.length === 0 ? [] : [`${this.plan.peerId} lacks ${chunkNames(missing)} of ${song.songId}`]
    })
  }

  /** Asked after every action of a run that heals, so it stops at the first chunk that is missing. */
  get isComplete(): boolean {
    for (const { song, fromChunk } of this.#wishes())
      for (let chunkId = song.shape.chunkCount - 1; chunkId >= fromChunk; chunkId--) if (this.#lacks(song, chunkId)) return false
    return true
  }

  heldCount(songId: SongId): number {
    return this.store.heldCount(songId)
  }

  #wishes(): { readonly song: SongPlan; readonly fromChunk: number }[] {
    if (this.#hasLeft) return []
    return this.#options.songs.flatMap(song => {
      const isSeeded = this.plan.songs.some(({ songId, interest }) => songId === song.songId && interest === 'seed')
      const fromChunk = isSeeded ? 0 : this.#process?.wantedFromChunk(song.songId)
      return fromChunk === undefined ? [] : [{ song, fromChunk }]
    })
  }

  #lacks(song: SongPlan, chunkId: number): boolean {
    return chunkId !== song.flaw?.chunkId && !this.store.has(song.songId, chunkId)
  }

  #end(how: 'politely' | 'crash' | 'silently'): void {
    if (this.#process === undefined) return
    this.#process.end(how)
    this.#process = undefined
    this.#deps.observer.ended(this.#deps.clock.now(), this.plan.peerId)
  }
}

function chunkNames(chunkIds: readonly number[]): string {
  const shown = chunkIds.slice(0, 8).join(', ')
  return chunkIds.length > 8 ? `chunks ${shown} and ${chunkIds.length - 8} more` : `chunk${chunkIds.length > 1 ? 's' : ''} ${shown}`
}
