// Fills the free places: which chunk is asked for next, and of whom, as the two policies say.
// Not the policies themselves, and not what happens to a request once it is out.
// Invariant: a block is asked for once; what is asked for has a place (download-places).

import type { ChunkId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { BlockRun } from '../chunks/chunk-progress.ts'
import type { ChunkSelection } from '../chunks/chunk-selection.ts'
import type { StartableChunks } from '../chunks/startable-chunks.ts'
import type { EngineState } from '../engine-state.ts'
import { isCrowdWaiting } from '../leases/crowd-duty.ts'
import type { LeaseDesk } from '../leases/lease-desk.ts'
import type { AwaitedSound, FirstSound } from '../playback/first-sound.ts'
import type { UrgentChunk } from '../playback/playback-window.ts'
import type { QueueDesk, QueueSongs } from '../playback/queue-desk.ts'
import type { SongState } from '../songs/song-state.ts'
import type { FreeNeighbours } from '../sources/free-neighbours.ts'
import type { PeerLookup } from '../sources/peer-lookup.ts'
import type { SourceSelection } from '../sources/source-selection.ts'
import type { SourceSurvey } from '../sources/source-survey.ts'
import { DownloadPlaces, type Need } from './download-places.ts'
import { nextRunOf } from './next-run.ts'
import type { ParkingDesk } from './parking-desk.ts'
import type { RelayMoves } from './relay-moves.ts'
import type { RequestDesk } from './request-desk.ts'

export interface DownloadPlannerDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly startable: StartableChunks
  readonly neighbours: FreeNeighbours
  readonly desk: RequestDesk
  readonly lookup: PeerLookup
  readonly leases: LeaseDesk
  readonly firstSound: FirstSound
  readonly parking: ParkingDesk
  readonly queue: QueueDesk
  readonly moves: RelayMoves
  readonly urgentOrder: ChunkSelection
  readonly prefetchOrder: ChunkSelection
  readonly sourceSelection: SourceSelection
}

/** Chunks of one song that are tried in a row before the next song has its turn. */
const START_TRIES_MAX = 8
/** Songs that are tried in vain before the rest must wait for the next time, so that a thousand songs do not cost a thousand looks. */
const SONG_TRIES_MAX = 8
/** The rest is looked at again after this time (ms), if nothing else happens. */
const SONG_TRIES_PAUSE_MS = 250

export class DownloadPlanner {
  readonly #deps: DownloadPlannerDeps
  readonly #places: DownloadPlaces
  #wakeAt: Millis = Number.POSITIVE_INFINITY
  #isListenedTo = false
  #isHeldBack = false
  readonly #urgentChunks = new Map<SongState, Set<ChunkId>>()
  #sound: AwaitedSound = { until: 0, aloneUntil: 0, startUntil: 0 }

  constructor(deps: DownloadPlannerDeps) {
    this.#deps = deps
    this.#places = new DownloadPlaces({ ...deps, noteWake: at => this.#noteWake(at) })
  }

  /** What is not urgent waited for somebody's first sound when it was last planned. */
  get isHeldBack(): boolean {
    return this.#isHeldBack
  }

  /** Of what follows a first sound at once some was missing when it was last planned. */
  get isStarting(): boolean {
    return this.#sound.startUntil > 0
  }

  /** When it was last planned another chunk could have been begun, had there not been as many in progress as there may be. */
  get isShortOfRoom(): boolean {
    return this.#places.isShortOfRoom
  }

  /** Asks for all that may be asked for now. @returns when to plan again though nothing happened by then. */
  plan(): Millis {
    const { state, lookup, neighbours, parking, queue, firstSound } = this.#deps
    neighbours.forget()
    this.#wakeAt = Number.POSITIVE_INFINITY
    const queued = queue.look()
    this.#noteWake(queued.changesAt)
    this.#noteWake(parking.expire([...state.songs.active()]))
    const songs = [...state.songs.active()]
    this.#isListenedTo = songs.some(song => song.hasReaders)
    this.#places.count(songs, this.#isListenedTo)
    const sound = firstSound.awaited()
    this.#sound = sound
    for (const song of songs) {
      // A song to come need not compete for the tracker, and for connections, with the first sound of the one that is played.
      const isPutOff = sound.until > 0 && song.ahead !== 'nothing' && !song.hasReaders
      if (song.wantedCount > 0 && !isPutOff) this.#noteWake(lookup.tick(song))
    }
    this.#retryStoring(songs)
    this.#urgentChunks.clear()
    this.#isHeldBack = sound.until > state.now
    this.#planLeased(songs)
    if (this.#isListenedTo) this.#planUrgent(songs)
    if (this.#isHeldBack) this.#noteWake(sound.until)
    else this.#planInOrder(songs, queued)
    this.#askLeases(songs)
    this.#dropEmpty(songs)
    return this.#wakeAt
  }

  /** Whether another request could be made without ending one: else nobody's news is worth a plan before one ends, or a reader's tick. */
  hasPlaceForMore(): boolean {
    return this.#places.hasAnyNow()
  }

  /** Something of the song is urgent that was not when it was last planned. */
  hasMoreUrgent(song: SongState): boolean {
    const known = this.#urgentChunks.get(song)
    return song.window.urgentChunks(this.#deps.state.now).some(({ chunkId }) => song.isWanted(chunkId) && known?.has(chunkId) !== true)
  }

  #askLeases(songs: readonly SongState[]): void {
    const { leases } = this.#deps
    for (const song of songs) this.#noteWake(leases.tick(song, this.#urgentChunks.get(song) ?? []))
  }

  #noteWake(at: Millis): void {
    if (at > this.#deps.state.now) this.#wakeAt = Math.min(this.#wakeAt, at)
  }

  #retryStoring(songs: readonly SongState[]): void {
    const { state } = this.#deps
    for (const song of songs) {
      for (const chunk of song.progress.values()) {
        if (chunk.phase !== 'unstored') continue
        if (chunk.retryAt > state.now) this.#noteWake(chunk.retryAt)
        else {
          chunk.phase = 'completing'
          state.emit({ kind: 'complete-chunk', songId: song.songId, chunkId: chunk.chunkId })
        }
      }
    }
  }

  #planUrgent(songs: readonly SongState[]): void {
    const { state, urgentOrder } = this.#deps
    const urgent: { song: SongState; chunk: UrgentChunk }[] = []
    for (const song of songs) {
      if (!song.hasReaders) continue
      const wanted = new Map<ChunkId, UrgentChunk>()
      for (const chunk of song.window.urgentChunks(state.now)) if (song.isWanted(chunk.chunkId)) wanted.set(chunk.chunkId, chunk)
      const copies = state.peers.copiesOf(song.songId)
      const facts = {
        chunkIds: [...wanted.keys()],
        copiesOf: (chunkId: ChunkId) => copies[chunkId] ?? 0,
        soonestMs: () => 0,
        deadlineOf: (chunkId: ChunkId) => wanted.get(chunkId)?.deadlineAt,
      }
      for (const chunkId of urgentOrder.order(facts, state.random, wanted.size)) {
        const chunk = wanted.get(chunkId)
        if (chunk !== undefined) urgent.push({ song, chunk })
      }
      if (song.wantedCount > 0) this.#noteWake(state.now + state.config.readerTickMs)
    }
    urgent.sort((a, b) => a.chunk.deadlineAt - b.chunk.deadlineAt)
    this.#noteWake(this.#sound.aloneUntil)
    this.#noteWake(this.#sound.startUntil)
    for (const { song, chunk } of urgent) {
      const known = this.#urgentChunks.get(song)
      if (known === undefined) this.#urgentChunks.set(song, new Set([chunk.chunkId]))
      else known.add(chunk.chunkId)
    }
    for (const { song, chunk } of urgent) while (this.#ask(song, chunk.chunkId, { priority: 'play', urgent: chunk }));
  }

  /** What a crowd waits for us to bring waits neither for our own first sound, which others are bringing, nor for a place. */
  #planLeased(songs: readonly SongState[]): void {
    for (const song of songs) {
      if (this.#isHeldBack ? !isCrowdWaiting(this.#deps.state, song) : !song.leases.isInCrowd) continue
      const urgent = new Map(song.window.urgentChunks(this.#deps.state.now).map(chunk => [chunk.chunkId, chunk]))
      for (const chunkId of song.leases.grants.keys()) {
        const chunk = urgent.get(chunkId)
        const need: Need = chunk === undefined ? { priority: 'prefetch', isBrought: true } : { priority: 'play', urgent: chunk }
        while (this.#ask(song, chunkId, need));
      }
    }
  }

  /** What is played, what comes next, the beginnings of what comes later when there is nothing else to do, and what is only seeded. */
  #planInOrder(songs: readonly SongState[], { next, later }: QueueSongs): void {
    const played = songs.filter(song => song.hasReaders)
    this.#planRest(played, 'prefetch')
    this.#planRest(next, 'prefetch')
    if (played.every(song => song.isAllAsked)) for (const song of later) this.#planRest([song], 'prefetch')
    this.#planRest(
      songs.filter(song => !song.hasReaders && song.interest === 'seed'),
      'seed',
    )
  }

  /** Songs of one class in turns, one request each; one that nothing can be asked for now has had its turn as well. */
  #planRest(songs: readonly SongState[], priority: 'prefetch' | 'seed'): void {
    const { state } = this.#deps
    const inTurn = songs.filter(song => song.wantedCount > 0)
    let triesLeft = SONG_TRIES_MAX
    for (let song = inTurn.shift(); song !== undefined && this.#places.hasFor({ priority }); song = inTurn.shift()) {
      if (this.#askNext(song, priority)) inTurn.push(song)
      else if (--triesLeft === 0 && inTurn.length > 0) {
        this.#noteWake(state.now + SONG_TRIES_PAUSE_MS)
        inTurn.length = 0
      }
      state.songs.hadTurn(song)
    }
  }

  /** The next run of a song: of a chunk in progress if there is one, else of a new one. */
  #askNext(song: SongState, priority: 'prefetch' | 'seed'): boolean {
    const { state, startable, neighbours, lookup, urgentOrder, prefetchOrder } = this.#deps
    // What is ours to bring into the swarm comes first: others wait for it.
    for (const chunkId of song.leases.grants.keys()) if (this.#ask(song, chunkId, { priority })) return true
    for (const chunk of song.progress.values()) {
      const { mayBeAsked, wakeAt } = neighbours.prospectOf(song, chunk)
      this.#noteWake(wakeAt)
      if (mayBeAsked && this.#ask(song, chunk.chunkId, { priority })) return true
      if (!mayBeAsked && state.peers.copiesToComeOf(song.songId, chunk.chunkId) === 0) this.#noteWake(lookup.waitUntil(song))
    }
    this.#dropEmpty([song])
    if (song.hasUnstored) return false
    // What is soon to be played from its beginning is fetched from its beginning.
    const isInOrder = song.ahead !== 'nothing' && !song.hasReaders
    const { chunkIds, wakeAt } = startable.of(song, { isListenedTo: this.#isListenedTo, isInOrder })
    this.#noteWake(wakeAt)
    if (chunkIds.length === 0 || !this.#places.makeRoomFor({ priority })) return false
    const facts = {
      chunkIds,
      copiesOf: (chunkId: ChunkId) => state.peers.copiesToComeOf(song.songId, chunkId),
      soonestMs: startable.soonestOf(song),
      deadlineOf: (chunkId: ChunkId) => song.window.deadlineOfByte(chunkId * song.shape.chunkSize),
    }
    const order = isInOrder ? urgentOrder : prefetchOrder
    for (const chunkId of order.order(facts, state.random, START_TRIES_MAX)) if (this.#ask(song, chunkId, { priority })) return true
    return false
  }

  /** Asks for the next run of a chunk if it has one and a source is free for it. */
  #ask(song: SongState, chunkId: ChunkId, need: Need): boolean {
    const { state, survey, desk, lookup, neighbours, sourceSelection } = this.#deps
    if (!song.isWanted(chunkId) || !this.#places.makeFor(need)) return false
    // What was not asked for as urgent is not asked for as anything less.
    if (need.urgent === undefined && this.#urgentChunks.get(song)?.has(chunkId) === true) return false
    const chunk = song.progress.get(chunkId)
    const run = nextRunOf(song, chunkId, need.urgent)
    if (run === undefined) return false
    const verify = chunk?.verify ?? song.verify
    const isStart = need.urgent !== undefined && song.window.isStart(this.#firstByteOf(song, need.urgent, run))
    const isBrought = song.leases.grants.has(chunkId) && isCrowdWaiting(state, song)
    if (this.#sound.aloneUntil > state.now && !isBrought && !(isStart && chunk?.isIdle !== false)) return false
    if (song.chunkPauseOf(chunkId) > state.now) {
      this.#noteWake(song.chunkPauseOf(chunkId))
      return false
    }
    const deadlineAt = need.urgent && this.#deadlineOf(song, need.urgent, run)
    const wanted = { song, chunkId, run, verify, deadlineAt, isYielding: this.#isListenedTo && need.priority !== 'play' }
    const isHeldByPeers = state.peers.copiesToComeOf(song.songId, chunkId) > 0
    const choice = sourceSelection.choose(survey.factsOf(wanted, isHeldByPeers ? 0 : lookup.waitUntil(song)), state.random)
    if (choice.kind === 'wait') {
      if (choice.until !== undefined) this.#noteWake(choice.until)
      return false
    }
    if (choice.source.kind === 'origin' && !this.#isOriginsTurn(song, { chunkId, deadlineAt, isStart })) return false
    if (chunk === undefined) {
      if (!this.#places.makeRoomFor(need)) return false
      this.#places.chunkBegun()
    }
    const batchBlocks = survey.batchBlocks(choice.source, wanted)
    const isSmall = isStart && verify === 'blocks' && choice.source.kind === 'origin'
    const blockCount = this.#places.withinLimit(isSmall ? Math.min(batchBlocks, state.config.startRunBlocks) : batchBlocks, verify)
    const batch = { firstBlock: run.firstBlock, blockCount }
    neighbours.forget()
    desk.open({
      song,
      chunk: chunk ?? song.startChunk(chunkId, state.now),
      run: batch,
      source: choice.source,
      priority: need.priority,
      deadlineAt,
      hedgeOf: undefined,
    })
    return true
  }

  /**
   * While somebody waits for a first sound the origin is asked for one run of it, and then for the rest of what is heard first: where
   * many want the same, for no more than is heard soon.
   */
  #isOriginsTurn(
    song: SongState,
    wanted: { readonly chunkId: ChunkId; readonly deadlineAt: Millis | undefined; readonly isStart: boolean },
  ): boolean {
    const { now, requests, origin, config } = this.#deps.state
    if (this.#sound.startUntil <= now) return true
    const { chunkId, deadlineAt = now, isStart } = wanted
    const isFirstAwaited = this.#sound.until > now
    // What is ours to bring others wait for.
    if (!isStart && isFirstAwaited && !isCrowdWaiting(this.#deps.state, song)) return false
    if (!isStart) return song.leases.isInCrowd && this.#deps.survey.permitOf(song, chunkId).permit === 'leased'
    const chunk = song.progress.get(chunkId)
    const isCrowd = origin.failures > 0 || origin.expectedRate(now) < config.crowdRateBytesPerSecond
    if (!isFirstAwaited && !isCrowd) return true
    if (!isFirstAwaited && deadlineAt > now + config.crowdLeadMs) {
      this.#noteWake(deadlineAt - config.crowdLeadMs)
      return false
    }
    return chunk === undefined || requests.ofChunk(chunk).every(({ source }) => source.kind !== 'origin')
  }

  #deadlineOf(song: SongState, urgent: UrgentChunk, run: BlockRun): Millis {
    return song.window.deadlineOfByte(this.#firstByteOf(song, urgent, run)) ?? urgent.deadlineAt
  }

  /** The first byte of a run that is needed. */
  #firstByteOf(song: SongState, urgent: UrgentChunk, run: BlockRun): number {
    return Math.max(urgent.chunkId * song.shape.chunkSize + run.firstBlock * BLOCK_SIZE_BYTES, urgent.firstByte)
  }

  /** A chunk of which nothing is here and nothing on its way is not in progress. */
  #dropEmpty(songs: readonly SongState[]): void {
    for (const song of songs) {
      for (const chunk of song.progress.values()) {
        if (chunk.phase !== 'fetching' || !chunk.isIdle || chunk.blocksHere > 0) continue
        this.#deps.desk.discard(song, chunk)
        this.#places.chunkDropped()
      }
    }
  }
}
