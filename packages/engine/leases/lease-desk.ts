// Asks the tracker which chunks are ours to fetch from the origin, takes its answers in, and gives back what will not be used.
// Not the judgement of what a lease allows (origin-permits), and not the tracker's side (lease-book).
// Invariant: one call of a song is out at a time; a lease that is not used any more is given back once, or has expired.

import type { ChunkId } from '@evastream/core/ids'
import { blockCountOf, blockRunLengthBytes } from '@evastream/core/manifest'
import type { Millis } from '@evastream/core/units'
import type { ChunkSelection } from '../chunks/chunk-selection.ts'
import type { EngineState } from '../engine-state.ts'
import type { LeasesAnswered } from '../events.ts'
import type { SongState } from '../songs/song-state.ts'
import type { SourceSurvey } from '../sources/source-survey.ts'
import type { LeaseGrant } from './song-leases.ts'

export interface LeaseDeskDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly prefetchOrder: ChunkSelection
}

/** A lease that still has this long (ms) is not asked for again; one that is being used and has less is. */
const RENEW_BEFORE_MS = 1000
/** Who bounds what it receives asks for no more chunks than come in this time (ms): the others would be kept waiting for the rest. */
const LIMITED_AHEAD_MS = 2000
/** Who has leases enough looks again when that should be over, though not at every moment (ms). */
const FULL_LOOK_MIN_MS = 20
/** Who has been alone for so long (ms) fetches in the order of the song: there is nobody for whom another order would be better. */
const ALONE_MS = 300
const NEVER = Number.POSITIVE_INFINITY
/** Chunks that are weighed against one another for one call: those without holders, and as many with some. */
const CONSIDERED_MAX = 64

export class LeaseDesk {
  readonly #deps: LeaseDeskDeps

  constructor(deps: LeaseDeskDeps) {
    this.#deps = deps
  }

  /** Gives back what is not needed, and asks for more if it is time to: first what is to be heard soon. @returns when to look again. */
  tick(song: SongState, urgent: Iterable<ChunkId>): Millis {
    const { state } = this.#deps
    const { config, now, origin } = state
    const { leases } = song
    if (!state.hasLeases) return config.originYieldMs === 0 ? NEVER : leases.yieldsUntil(now, config.originYieldMs)
    const settledUntil = this.settle(song)
    if (leases.isPending && now < leases.askedAt + config.leaseLostMs) {
      const lateAt = leases.askedAt + config.leaseWaitMs
      return Math.min(settledUntil, lateAt > now ? lateAt : leases.askedAt + config.leaseLostMs)
    }
    if (origin.retryAt > now) return settledUntil
    if (now < leases.askAgainAt) return Math.min(settledUntil, leases.askAgainAt)
    const { chunkIds, againAt } = this.#wishes(song, urgent)
    if (chunkIds.length > 0) this.#ask(song, chunkIds)
    return Math.min(settledUntil, againAt)
  }

  answered(song: SongState, { granted, waiting, originCopies = 1 }: LeasesAnswered): void {
    const { now, peers, health } = this.#deps.state
    const { leases } = song
    leases.isPending = false
    leases.awaySince = undefined
    leases.askAgainAt = now
    leases.originCopies = originCopies
    for (const { chunkId, leaseId, expiresInMs, firstBlocks } of granted) {
      leases.grants.set(chunkId, { chunkId, leaseId, expiresAt: now + expiresInMs, firstBlocks })
      leases.waits.delete(chunkId)
      leases.refused.delete(chunkId)
    }
    if (waiting.some(({ reason }) => reason === 'leased')) this.#meetTheCrowd(song)
    const isAlone =
      peers.holdingsOf(song.songId).size === 0 && waiting.every(({ holder, reason }) => holder === undefined && reason !== 'leased')
    leases.aloneSince = isAlone ? (leases.aloneSince ?? now) : undefined
    for (const { chunkId, reason, holder, retryAfterMs } of waiting) {
      // Who may have no more just now is told so for every chunk.
      if (reason !== 'held' && reason !== 'leased') {
        leases.waits.delete(chunkId)
        leases.refused.add(chunkId)
        leases.askAgainAt = Math.max(leases.askAgainAt, now + retryAfterMs)
        continue
      }
      const { since, isInVain } = leases.waits.get(chunkId) ?? { since: now, isInVain: false }
      leases.refused.delete(chunkId)
      leases.waits.set(chunkId, { holder, isLeased: reason === 'leased', since, askAgainAt: now + retryAfterMs, isInVain })
      // What a peer said itself on an open connection is newer than what the tracker knows of it.
      const isKnownBetter = holder !== undefined && peers.holdingsOf(song.songId).get(holder)?.isToldByPeer === true
      if (reason === 'held' && holder !== undefined && !isKnownBetter && !health.isBanned(holder, now))
        peers.has(song.songId, holder, [chunkId])
    }
  }

  /** Many begin together, and each should soon know some of the others: they hand on what they are receiving. */
  #meetTheCrowd(song: SongState): void {
    const { config, peers } = this.#deps.state
    const { lookup } = song
    if (peers.holdingsOf(song.songId).size < config.crowdNeighbours)
      lookup.dueAt = Math.min(lookup.dueAt, lookup.askedAt + Math.max(lookup.crowdPauseMs, config.crowdLookupMs))
  }

  /** What was said before the change holds no more. */
  leasingChanged(hasLeases: boolean): void {
    const { state } = this.#deps
    state.hasLeases = hasLeases
    for (const { leases } of state.songs.all()) leases.forget()
  }

  unavailable(song: SongState): void {
    const { now, config } = this.#deps.state
    const { leases } = song
    leases.isPending = false
    leases.awaySince ??= now
    leases.askAgainAt = now + config.leaseAwayRetryMs
  }

  /** Somebody told of chunks that he did not have before: the swarm gets on. */
  swarmMoved(song: SongState): void {
    song.leases.newsAt = this.#deps.state.now
  }

  /** The song is wanted no more: others may have what was granted. */
  returnAll(song: SongState): void {
    const unused = [...song.leases.grants.values()].filter(({ chunkId }) => !song.held.has(chunkId))
    this.#giveBack(song, unused, 'unwanted')
  }

  #ask(song: SongState, chunkIds: readonly ChunkId[]): void {
    const { state, survey } = this.#deps
    const { origin, now } = state
    const { leases } = song
    leases.isPending = true
    leases.askedAt = now
    const chunkMs = survey.finishMs(origin.pace, origin.expectedRate(now), song.shape.chunkSize)
    const expectedMs = Math.ceil(chunkMs + this.#remainingMs(song))
    state.emit({ kind: 'request-origin-leases', songId: song.songId, chunkIds, expectedMs })
  }

  /** Forgets what is over, and gives back what will not be used. @returns when the next grant expires. */
  settle(song: SongState): Millis {
    const { now, origin } = this.#deps.state
    const unused: LeaseGrant[] = []
    let nextAt = NEVER
    for (const grant of [...song.leases.grants.values()]) {
      // What is held was announced: with that the lease ends.
      if (song.held.has(grant.chunkId) || grant.expiresAt <= now) song.leases.grants.delete(grant.chunkId)
      else if (!song.isWanted(grant.chunkId) || this.#isToBeHadElsewhere(song, grant.chunkId)) unused.push(grant)
      else nextAt = Math.min(nextAt, grant.expiresAt)
    }
    this.#giveBack(song, unused, 'unwanted')
    if (origin.retryAt > now + RENEW_BEFORE_MS) this.#giveBack(song, [...song.leases.grants.values()], 'origin-failed')
    for (const chunkId of song.leases.waits.keys()) if (!song.isWanted(chunkId)) song.leases.waits.delete(chunkId)
    return nextAt
  }

  #giveBack(song: SongState, grants: readonly LeaseGrant[], reason: 'unwanted' | 'origin-failed'): void {
    if (grants.length === 0) return
    for (const { chunkId } of grants) song.leases.grants.delete(chunkId)
    const leaseIds = grants.map(({ leaseId }) => leaseId)
    this.#deps.state.emit({ kind: 'return-origin-leases', songId: song.songId, leaseIds, reason })
  }

  /** A peer has it whole, and nothing of it is on its way from the origin. */
  #isToBeHadElsewhere(song: SongState, chunkId: ChunkId): boolean {
    const { state, survey } = this.#deps
    const copies = state.peers.copiesOf(song.songId)[chunkId] ?? 0
    if (copies < song.leases.originCopies) return false
    const chunk = song.progress.get(chunkId)
    if (chunk !== undefined && state.requests.ofChunk(chunk).some(({ source }) => source.kind === 'origin')) return false
    return survey.hasUsableHolder(song, chunkId)
  }

  /** What to ask for: only while what was granted is nearly here, or our leases would keep others waiting. */
  #wishes(song: SongState, urgent: Iterable<ChunkId>): { readonly chunkIds: ChunkId[]; readonly againAt: Millis } {
    const { state, prefetchOrder } = this.#deps
    const { config, random } = state
    const chunkIds: ChunkId[] = []
    let againAt = NEVER
    const chunksMax = this.#chunksPerCall(song)
    const wish = (chunkId: ChunkId): void => {
      if ((chunkIds.length >= chunksMax && !song.leases.grants.has(chunkId)) || chunkIds.includes(chunkId)) return
      const at = this.#wishAt(song, chunkId)
      if (at <= state.now) chunkIds.push(chunkId)
      else againAt = Math.min(againAt, at)
    }
    const remainingMs = this.#remainingMs(song)
    const isFull = remainingMs >= config.leaseAheadMs
    for (const chunkId of urgent) if (!isFull || !song.leases.grants.has(chunkId)) wish(chunkId)
    for (const { chunkId } of song.leases.grants.values()) wish(chunkId)
    if (isFull) return { chunkIds, againAt: Math.min(againAt, state.now + Math.max(FULL_LOOK_MIN_MS, remainingMs - config.leaseAheadMs)) }
    for (const chunkId of song.progress.keys()) if (song.isWanted(chunkId)) wish(chunkId)
    const { aloneSince = NEVER } = song.leases
    if (song.hasReaders && state.now >= aloneSince + ALONE_MS && state.peers.holdingsOf(song.songId).size === 0) {
      for (const chunkId of song.unstarted().slice(0, CONSIDERED_MAX)) wish(chunkId)
      return { chunkIds, againAt }
    }
    const copies = state.peers.copiesOf(song.songId)
    const facts = {
      chunkIds: this.#rareOnes(song, copies),
      copiesOf: (chunkId: ChunkId) => copies[chunkId] ?? 0,
      soonestMs: () => 0,
      deadlineOf: () => undefined,
    }
    for (const chunkId of prefetchOrder.order(facts, random, 2 * config.leaseChunksPerCall)) wish(chunkId)
    return { chunkIds, againAt }
  }

  /** Some of those that nobody is known to hold, neighbours from a random place on, then of the others; of a song of few chunks, all. */
  #rareOnes(song: SongState, copies: Readonly<ArrayLike<number>>): readonly ChunkId[] {
    const { random } = this.#deps.state
    const unheld: ChunkId[] = []
    const held: ChunkId[] = []
    const unstarted = song.unstarted()
    const first = unstarted.length > CONSIDERED_MAX ? random.below(unstarted.length) : 0
    for (let count = 0; count < unstarted.length && unheld.length < CONSIDERED_MAX; count++) {
      const chunkId = unstarted[(first + count) % unstarted.length] as ChunkId
      if (song.leases.grants.has(chunkId)) continue
      if (copies[chunkId] === 0) unheld.push(chunkId)
      else if (held.length < CONSIDERED_MAX) held.push(chunkId)
    }
    return unheld.concat(held)
  }

  #chunksPerCall({ shape }: SongState): number {
    const { config, limit } = this.#deps.state
    const chunksInTime = Math.floor((limit.bytesPerSecond * LIMITED_AHEAD_MS) / 1000 / shape.chunkSize)
    return Math.min(config.leaseChunksPerCall, Math.max(1, chunksInTime))
  }

  /** When to ask for a chunk; never if it need not come from the origin. */
  #wishAt(song: SongState, chunkId: ChunkId): Millis {
    const { state, survey } = this.#deps
    if (!song.isWanted(chunkId)) return NEVER
    const chunk = song.progress.get(chunkId)
    if (chunk !== undefined && chunk.phase !== 'fetching') return NEVER
    const grant = song.leases.grants.get(chunkId)
    if (grant !== undefined) return chunk !== undefined && !chunk.isIdle ? grant.expiresAt - RENEW_BEFORE_MS : NEVER
    if (chunk !== undefined && chunk.freeRun() === undefined) return NEVER
    // A copy more than the swarm has is the origin's to send while nothing of it is here: it spares the uplinks.
    const copiesMax = chunk === undefined ? song.leases.originCopies : 1
    if ((state.peers.copiesOf(song.songId)[chunkId] ?? 0) >= copiesMax && survey.hasUsableHolder(song, chunkId)) return NEVER
    const pausedUntil = Math.max(song.originPauseOf(chunkId), song.chunkPauseOf(chunkId))
    return Math.max(pausedUntil, song.leases.waits.get(chunkId)?.askAgainAt ?? 0)
  }

  /** How long (ms) what is granted and not here will take, from the origin and through our own limit. */
  #remainingMs(song: SongState): Millis {
    const { origin, limit, now } = this.#deps.state
    let bytes = 0
    for (const { chunkId, firstBlocks } of song.leases.grants.values()) {
      const chunk = song.progress.get(chunkId)
      const blockCount = Math.min(firstBlocks ?? NEVER, blockCountOf(song.shape, chunkId))
      const hereRatio = chunk === undefined ? 0 : Math.min(1, chunk.blocksHere / blockCount)
      bytes += (1 - hereRatio) * blockRunLengthBytes(song.shape, chunkId, 0, blockCount)
    }
    return (bytes * 1000) / Math.min(origin.expectedRate(now), limit.bytesPerSecond)
  }
}
