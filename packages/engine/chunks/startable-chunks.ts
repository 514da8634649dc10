// Which chunks of a song could be begun now: wanted, not in progress, and with a source that is free for them.
// Not their order (chunk-selection) and not the final word on the source (source-selection): a sieve, so that those see few.
// Invariant: a chunk that the source policy would ask a free source for is not left out, unless STARTABLE_MAX others are there.

import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import { rendezvousRank } from '../leases/rendezvous-rank.ts'
import { offerOf, WAIT_FACTOR } from '../requests/relay-order.ts'
import type { SongState } from '../songs/song-state.ts'
import { type FreeNeighbours, type Neighbours, someoneHas } from '../sources/free-neighbours.ts'
import type { SourceSurvey } from '../sources/source-survey.ts'

/** More are not weighed against one another for one request: a song of an hour has thousands. */
const STARTABLE_MAX = 64
/** So many of those who know each other spread a chunk that only one has. Were it all of them, they would all wait for that one. */
const SPREADERS = 2

export interface StartableWish {
  /** Somebody listens to some song, so some room at the origin is kept. */
  readonly isListenedTo: boolean
  /** The first ones, where there are many; otherwise from a random place on. */
  readonly isInOrder: boolean
}

export interface Startable {
  readonly chunkIds: ChunkId[]
  /** When a pause ends that keeps some chunk from being begun. */
  readonly wakeAt: Millis
}

export class StartableChunks {
  readonly #state: EngineState
  readonly #survey: SourceSurvey
  readonly #neighbours: FreeNeighbours

  constructor(deps: { readonly state: EngineState; readonly survey: SourceSurvey; readonly neighbours: FreeNeighbours }) {
    this.#state = deps.state
    this.#survey = deps.survey
    this.#neighbours = deps.neighbours
  }

  of(song: SongState, { isListenedTo, isInOrder }: StartableWish): Startable {
    const { now, origin, peers, random } = this.#state
    const neighbours = this.#neighbours.of(song)
    let { wakeAt } = neighbours
    if (origin.retryAt > now) wakeAt = Math.min(wakeAt, origin.retryAt)
    const isOriginFree = this.#survey.isOriginFree(isListenedTo)
    const chunkIds: ChunkId[] = []
    // Whoever becomes free is told of by an event, or by a moment that is known already: until then no chunk need be looked at.
    if (neighbours.free.length === 0 && !isOriginFree) return { chunkIds, wakeAt }
    const unstarted = song.unstarted(this.#offered(song, neighbours, isOriginFree))
    const first = isInOrder || unstarted.length <= STARTABLE_MAX ? 0 : random.below(unstarted.length)
    for (let count = 0; count < unstarted.length && chunkIds.length < STARTABLE_MAX; count++) {
      const chunkId = unstarted[(first + count) % unstarted.length] as ChunkId
      const pausedUntil = song.chunkPauseOf(chunkId)
      if (pausedUntil > now) wakeAt = Math.min(wakeAt, pausedUntil)
      else if (someoneHas(neighbours.free, song, chunkId, now)) chunkIds.push(chunkId)
      else if (!isOriginFree || this.#survey.permitOf(song, chunkId).permit === 'none') continue
      else if (song.originPauseOf(chunkId) > now) wakeAt = Math.min(wakeAt, song.originPauseOf(chunkId))
      else if (peers.copiesToComeOf(song.songId, chunkId) === 0 || !someoneHas(neighbours.awaited, song, chunkId, now))
        chunkIds.push(chunkId)
    }
    return { chunkIds, wakeAt }
  }

  /** What one that is free has something of, or the origin may be asked for: not all of a song of an hour is looked at; undefined: all. */
  #offered(song: SongState, { free }: Neighbours, isOriginFree: boolean): Bitfield | undefined {
    const permitted = isOriginFree ? this.#survey.permittedAmong(song) : []
    if (permitted === undefined) return undefined
    const offered = Bitfield.union(
      song.shape.chunkCount,
      free.map(({ chunks }) => chunks),
    )
    for (const { arriving } of free) for (const chunkId of arriving.keys()) offered.add(chunkId)
    for (const chunkId of permitted) offered.add(chunkId)
    return offered
  }

  /**
   * How soon (ms) a free peer could bring a first batch of a chunk of the song; 0 when none offers any of it, or when it is ours to
   * spread: what only a slow uplink has would be left to the end by everybody, and then be waited for.
   */
  soonestOf(song: SongState): (chunkId: ChunkId) => number {
    const { now } = this.#state
    const offers = this.#neighbours
      .of(song)
      .free.map(holding => ({ holding, finishMs: this.#survey.batchFinishMs(holding.peerId) }))
      .sort((a, b) => a.finishMs - b.finishMs)
    return chunkId => {
      if (this.#isOursToSpread(song, chunkId)) return 0
      let soonestMs = Number.POSITIVE_INFINITY
      for (const { holding, finishMs } of offers) {
        if (finishMs >= soonestMs) break
        const offer = offerOf(holding, chunkId, song, 0)
        if (offer !== undefined && song.markOf(chunkId, holding.peerId) <= now)
          soonestMs = Math.min(soonestMs, finishMs * (offer === 'wait' ? WAIT_FACTOR : 1))
      }
      return Number.isFinite(soonestMs) ? soonestMs : 0
    }
  }

  /** There is one copy of it, or one to come, and of those we know it falls to us. */
  #isOursToSpread(song: SongState, chunkId: ChunkId): boolean {
    const { peers, ownPeerId } = this.#state
    const others = peers.holdingsOf(song.songId)
    if (ownPeerId === undefined || others.size <= SPREADERS || peers.copiesToComeOf(song.songId, chunkId) > 1) return false
    return rendezvousRank(ownPeerId, others.keys(), { songId: song.songId, chunkId }) < SPREADERS
  }
}
