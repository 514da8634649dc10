// Whether the origin may be asked for a run of blocks: with a lease, because it is our turn where no tracker says whose it is, or not.
// Not whether it should be (source-selection), and not whether it answers (origin-health).
// Invariant: while the tracker answers, nothing is open without a lease, save a chunk that those named to us have failed to bring; a node
// that has no leases at all, since it hands nothing on, comes after those who have.

import type { ChunkId, PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'
import { rendezvousRank } from './rendezvous-rank.ts'
import type { LeaseWait } from './song-leases.ts'

/** `leased`: it is ours to bring. `open`: nobody says whose it is. `none`: somebody else brings it, or nobody has said yet. */
export type OriginPermit = 'leased' | 'open' | 'none'

export interface PermittedRun {
  readonly permit: OriginPermit
  /** How many blocks from the run's first on may be asked for. */
  readonly blocksMax: number
  /** When a permit comes though nothing happens. */
  readonly opensAt: Millis
}

/** What is thought of those who are known to have a chunk, or to be receiving it. */
export interface HolderOpinion {
  /** Somebody is, and none of them is any good. */
  areAllUseless(song: SongState, chunkId: ChunkId): boolean
}

const ALL = Number.POSITIVE_INFINITY
const NEVER = Number.POSITIVE_INFINITY
const OPEN: PermittedRun = Object.freeze({ permit: 'open', blocksMax: ALL, opensAt: 0 })
const CLOSED: PermittedRun = Object.freeze({ permit: 'none', blocksMax: ALL, opensAt: NEVER })

export class OriginPermits {
  readonly #state: EngineState
  readonly #holders: HolderOpinion

  constructor(state: EngineState, holders: HolderOpinion) {
    this.#state = state
    this.#holders = holders
  }

  permitOf(song: SongState, chunkId: ChunkId, firstBlock = 0): PermittedRun {
    const { hasLeases, now } = this.#state
    if (!hasLeases) return this.#withoutLeases(song, chunkId)
    const grant = song.leases.grants.get(chunkId)
    if (grant !== undefined && grant.expiresAt > now) {
      const blocksMax = grant.firstBlocks === undefined ? ALL : grant.firstBlocks - firstBlock
      if (blocksMax > 0) return { permit: 'leased', blocksMax, opensAt: 0 }
    }
    const opensAt = this.#opensAt(song, chunkId)
    if (opensAt === NEVER) return CLOSED
    const wait = song.leases.waits.get(chunkId)
    if (wait !== undefined && opensAt <= now) wait.isInVain = true
    return { permit: opensAt <= now ? 'open' : 'none', blocksMax: ALL, opensAt }
  }

  /** For all others `permitOf` says `none`: while the tracker answers, only what it spoke of can have a permit. Undefined: there are none. */
  permittedAmong({ leases }: SongState): readonly ChunkId[] | undefined {
    const { config, hasLeases, now } = this.#state
    if (!hasLeases || leases.awaySince !== undefined) return undefined
    if (leases.isPending && now >= leases.askedAt + config.leaseWaitMs) return undefined
    return [...leases.grants.keys(), ...leases.waits.keys()]
  }

  /**
   * From when on what is urgent may be asked for without a permit: who waits for a first sound gives a swarm that is bringing it its
   * budget. Those who have it and do not send it get none.
   */
  overrideFrom(song: SongState, chunkId: ChunkId): Millis {
    const { config, hasLeases, now, peers } = this.#state
    const { leases } = song
    const isUnknown = peers.copiesOf(song.songId)[chunkId] === 0 && (leases.isPending || leases.askedAt < song.window.lastBeganAt)
    const wait = leases.waits.get(chunkId)
    // Somebody brings it, or all of it but what we have a lease for, or others bring so much that we may not bring more. Who is alone and has all it may have is not kept waiting.
    const isOthersRest = leases.grants.get(chunkId)?.firstBlocks !== undefined
    const isUnderWay = wait?.isLeased === true || isOthersRest || (leases.refused.has(chunkId) && leases.isBeingBrought(now))
    let from = 0
    if (hasLeases && (isUnknown || isUnderWay))
      for (const { beganAt } of song.window.beginnersSince(now - config.startBudgetMs))
        from = Math.max(from, beganAt + config.startBudgetMs)
    return from
  }

  /** Who hands nothing on leaves it to those who do to bring what they lack, as long as they get on. */
  #withoutLeases(song: SongState, chunkId: ChunkId): PermittedRun {
    const { config, now } = this.#state
    if (config.originYieldMs === 0) return OPEN
    const opensAt = song.leases.yieldsUntil(now, config.originYieldMs)
    if (opensAt <= now || this.#wantersOf(song, chunkId).next().done === true) return OPEN
    return { permit: 'none', blocksMax: ALL, opensAt }
  }

  #opensAt(song: SongState, chunkId: ChunkId): Millis {
    const { config, now } = this.#state
    const { leases } = song
    const wait = leases.waits.get(chunkId)
    if (leases.awaySince !== undefined) return this.#turnAt(song, chunkId, Math.max(leases.awaySince, leases.newsAt))
    if (leases.isPending && now >= leases.askedAt + config.leaseWaitMs)
      return this.#turnAt(song, chunkId, Math.max(leases.askedAt + config.leaseWaitMs, leases.newsAt))
    if (wait === undefined) return NEVER
    if (wait.isInVain) return now
    const patientUntil = Math.max(wait.since, song.progress.get(chunkId)?.activeAt ?? 0) + config.leasePatienceMs
    if (!this.#isUseless(song, chunkId, wait)) return patientUntil
    return Math.min(patientUntil, this.#turnAt(song, chunkId, wait.since + config.leaseWaitMs))
  }

  /** The first asks at once, the k-th after k times `leaseRankMs`, so that a dead tracker does not become a copy for each. */
  #turnAt(song: SongState, chunkId: ChunkId, since: Millis): Millis {
    const { config, ownPeerId } = this.#state
    const others = this.#wantersOf(song, chunkId)
    const rank = ownPeerId === undefined ? 0 : rendezvousRank(ownPeerId, others, { songId: song.songId, chunkId })
    return rank === 0 ? (song.leases.awaySince ?? since) : since + rank * config.leaseRankMs
  }

  /** Who may have to fetch it as well: who holds it need not, or does not send it. */
  *#wantersOf(song: SongState, chunkId: ChunkId): Generator<PeerId> {
    for (const { peerId, chunks } of this.#state.peers.holdingsOf(song.songId).values())
      if (!chunks.has(chunkId) && this.#state.health.recordOf(peerId).failures === 0) yield peerId
  }

  /** Whoever was named has shown that we will not have it from there. */
  #isUseless(song: SongState, chunkId: ChunkId, { holder }: LeaseWait): boolean {
    return holder === undefined || this.#hasFailed(song, chunkId, holder) || this.#holders.areAllUseless(song, chunkId)
  }

  #hasFailed(song: SongState, chunkId: ChunkId, peerId: PeerId): boolean {
    const { health, now } = this.#state
    if (song.markOf(chunkId, peerId) > now || health.isBanned(peerId, now)) return true
    const { failures, pausedUntil } = health.recordOf(peerId)
    return failures > 1 && pausedUntil > now
  }
}
