// The engine's one door: events in, commands out, and the moment at which it wants to be woken. It conducts; the nouns decide.
// Not I/O: it opens no socket and knows no clock; time comes with the events and chance with the seed.
// How to use it: feed events one at a time, in the order in which they were noticed, with `handle`, and carry out the commands it
// returns in their order; then set one timer to `nextWakeAt()` and feed `woke` when it fires. Every command's outcome is an event.
// Invariant: the same events and the same seed give the same commands, and no well-typed event makes it throw.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { ChunkVerdicts } from './chunks/chunk-verdicts.ts'
import { deadlineFirst } from './chunks/deadline-first.ts'
import { rarestFirst } from './chunks/rarest-first.ts'
import { soonestFirst } from './chunks/soonest-first.ts'
import { StartableChunks } from './chunks/startable-chunks.ts'
import type { SchedulerCommand } from './commands.ts'
import type { EngineConfig } from './config.ts'
import { EngineState } from './engine-state.ts'
import type {
  BlocksVerified,
  BytesArrived,
  PeerArriving,
  PeerHas,
  PeerLacks,
  PeerListed,
  PlaybackMoved,
  RequestFinished,
  SchedulerEvent,
  SongAdded,
} from './events.ts'
import { LeaseDesk } from './leases/lease-desk.ts'
import { FirstSound } from './playback/first-sound.ts'
import { QueueDesk } from './playback/queue-desk.ts'
import { ReaderDesk } from './playback/reader-desk.ts'
import { DownloadPlanner } from './requests/download-planner.ts'
import { HedgeDesk } from './requests/hedge-desk.ts'
import { ParkingDesk } from './requests/parking-desk.ts'
import { RelayMoves } from './requests/relay-moves.ts'
import { RequestDesk } from './requests/request-desk.ts'
import { RequestWatch } from './requests/request-watch.ts'
import { type SchedulerSnapshot, snapshotOf } from './snapshot.ts'
import { SongState } from './songs/song-state.ts'
import { BlameDesk } from './sources/blame-desk.ts'
import { FreeNeighbours } from './sources/free-neighbours.ts'
import { originLast } from './sources/origin-last.ts'
import { PeerLookup } from './sources/peer-lookup.ts'
import { SourceSurvey } from './sources/source-survey.ts'

const PREFETCH_ORDERS = { 'soonest-first': soonestFirst, 'rarest-first': rarestFirst, 'deadline-first': deadlineFirst } as const

/** What only puts the next check of the open requests off: being woken a little early costs less than reckoning with each of these. */
const CHANGES_NO_CHECK: ReadonlySet<SchedulerEvent['kind']> = new Set(['bytes-arrived', 'blocks-verified', 'peer-has'])
/** And for so long (ms) the last reckoning is good enough for all but new requests. */
const CHECK_KEPT_MS = 50
/**
 * What others tell, and what is stored here, comes in crowds and hardly ever gives us something to do at once: these are planned for
 * together, this (ms) apart.
 */
const MAY_WAIT: ReadonlySet<SchedulerEvent['kind']> = new Set(['peer-has', 'peer-arriving', 'peer-lacks', 'chunk-stored'])
const PLANS_APART_MS = 20
/** With fewer requests under way something may be missed. */
const BUSY_REQUESTS = 8

export class Scheduler {
  readonly #state: EngineState
  readonly #survey: SourceSurvey
  readonly #desk: RequestDesk
  readonly #blame: BlameDesk
  readonly #verdicts: ChunkVerdicts
  readonly #lookup: PeerLookup
  readonly #watch: RequestWatch
  readonly #planner: DownloadPlanner
  readonly #firstSound: FirstSound
  readonly #parking: ParkingDesk
  readonly #queue: QueueDesk
  readonly #readers: ReaderDesk
  readonly #leases: LeaseDesk
  #planAt: Millis = Number.POSITIVE_INFINITY
  #plannedAt: Millis = Number.NEGATIVE_INFINITY
  /** When the open requests are to be looked at, when that was reckoned, and when it is to be reckoned anew. */
  #checkAt: Millis = Number.POSITIVE_INFINITY
  #reckonAt: Millis = Number.POSITIVE_INFINITY
  #checkedAt: Millis = Number.NEGATIVE_INFINITY

  constructor(config: EngineConfig, random: Random, ownPeerId?: PeerId) {
    const state = new EngineState({ random, ownPeerId }, config)
    const survey = new SourceSurvey(state)
    const neighbours = new FreeNeighbours({ state, survey })
    const startable = new StartableChunks({ state, survey, neighbours })
    const desk = new RequestDesk({ state, survey })
    const blame = new BlameDesk({ state, desk })
    const lookup = new PeerLookup(state)
    const sourceSelection = originLast(config)
    const prefetchOrder = PREFETCH_ORDERS[config.prefetchOrder]
    const moves = new RelayMoves({ state, survey, desk, blame })
    this.#state = state
    this.#survey = survey
    this.#desk = desk
    this.#blame = blame
    this.#lookup = lookup
    this.#verdicts = new ChunkVerdicts({ state, desk, blame })
    const hedging = new HedgeDesk({ state, survey, desk, blame, sourceSelection })
    this.#watch = new RequestWatch({ state, blame, hedging, moves })
    const firstSound = new FirstSound(state)
    const parking = new ParkingDesk({ state, desk })
    const queue = new QueueDesk({ state, parking })
    const leases = new LeaseDesk({ state, survey, prefetchOrder })
    this.#leases = leases
    this.#firstSound = firstSound
    this.#parking = parking
    this.#queue = queue
    this.#readers = new ReaderDesk({ state, desk, firstSound, parking, queue })
    this.#planner = new DownloadPlanner({
      state,
      survey,
      startable,
      neighbours,
      desk,
      lookup,
      leases,
      firstSound,
      parking,
      queue,
      urgentOrder: deadlineFirst,
      moves,
      prefetchOrder,
      sourceSelection,
    })
  }

  /** Takes one fact in. @returns what is to be done now, in order. */
  handle(event: SchedulerEvent): readonly SchedulerCommand[] {
    if (event.at > this.#state.now) this.#state.now = event.at
    const isPlanDue = this.#take(event)
    const { now } = this.#state
    if (isPlanDue && MAY_WAIT.has(event.kind) && now < this.#plannedAt + PLANS_APART_MS && this.#state.requests.size >= BUSY_REQUESTS)
      this.#planAt = Math.min(this.#planAt, this.#plannedAt + PLANS_APART_MS)
    else if (isPlanDue) {
      this.#plannedAt = now
      this.#planAt = this.#planner.plan()
    }
    const commands = this.#state.takeCommands()
    const mayChangeChecks = event.kind === 'woke' ? isPlanDue : !CHANGES_NO_CHECK.has(event.kind)
    const isReckoningOld = mayChangeChecks && now >= this.#checkedAt + CHECK_KEPT_MS
    if (now >= this.#checkAt || isReckoningOld || commands.some(({ kind }) => kind === 'request-blocks')) this.#reckon()
    else if (mayChangeChecks) this.#reckonAt = this.#checkedAt + CHECK_KEPT_MS
    return commands
  }

  /** When to feed `woke` if nothing else happened by then; undefined: not at all. */
  nextWakeAt(): Millis | undefined {
    const at = Math.min(this.#planAt, this.#checkAt, this.#reckonAt)
    return Number.isFinite(at) ? at : undefined
  }

  snapshot(): SchedulerSnapshot {
    return { ...snapshotOf(this.#state), queue: this.#queue.songIds }
  }

  /** @returns whether the event may have made room for another request. */
  #take(event: SchedulerEvent): boolean {
    switch (event.kind) {
      case 'bytes-arrived':
        return this.#bytesArrived(event)
      case 'blocks-verified':
        return this.#blocksVerified(event)
      case 'request-finished':
        return this.#requestFinished(event)
      case 'request-failed':
        return this.#requestFailed(event.requestId, event.code, event.retryAfterMs)
      case 'song-added':
        return this.#songAdded(event)
      case 'song-removed':
        return this.#songRemoved(event.songId)
      case 'peer-listed':
        return this.#peerListed(event)
      case 'peer-has':
        return this.#peerHas(event)
      case 'peer-arriving':
        return this.#peerArriving(event)
      case 'peer-lacks':
        return this.#peerLacks(event)
      case 'peer-lost':
        this.#blame.peerLost(event.peerId, event.code)
        return true
      case 'queue-changed':
        this.#queue.replace(event.songIds)
        return true
      case 'leasing-changed':
        this.#leases.leasingChanged(event.hasLeases)
        return true
      case 'woke':
        return this.#checkWhatIsDue() || this.#state.now >= this.#planAt
      default:
        return this.#takeForSong(event)
    }
  }

  /** Nothing is due before the moment that was reckoned, unless that was too long ago. @returns as the watch's `check` */
  #checkWhatIsDue(): boolean {
    const { now } = this.#state
    if (now < this.#checkAt && now >= this.#reckonAt) this.#reckon()
    return now >= this.#checkAt && this.#watch.check()
  }

  #reckon(): void {
    this.#checkedAt = this.#state.now
    this.#checkAt = this.#watch.nextCheckAt()
    this.#reckonAt = Number.POSITIVE_INFINITY
  }

  /** Events that need a song that is known. */
  #takeForSong(
    event: Exclude<
      SchedulerEvent,
      { requestId: number } | { peerId: unknown } | { kind: 'song-added' | 'song-removed' | 'queue-changed' | 'leasing-changed' | 'woke' }
    >,
  ): boolean {
    const song = this.#state.songs.get(event.songId)
    if (song === undefined) return false
    switch (event.kind) {
      case 'interest-changed':
        song.interest = event.interest
        this.#parking.parkUnwanted(song)
        break
      case 'playback-moved':
        return this.#playbackMoved(song, event)
      case 'playback-stopped':
        if (!this.#readers.stopped(song, event.readerId)) return false
        break
      case 'peers-found':
      case 'peers-unfound':
        this.#lookup.settled(song)
        break
      case 'leases-answered':
        this.#leases.answered(song, event)
        break
      case 'leases-unavailable':
        this.#leases.unavailable(song)
        break
      case 'chunk-stored':
        return this.#chunkStored(song, event.chunkId)
      case 'chunk-rejected':
        this.#verdicts.rejected(song, event.chunkId)
        break
      case 'chunk-unstored':
        this.#verdicts.unstored(song, event.chunkId, event.code)
        break
      case 'chunk-lost':
        song.chunkLost(event.chunkId)
        break
    }
    this.#state.songs.changed(song)
    if (song.wantedCount === 0) this.#leases.settle(song)
    return true
  }

  /** Its place among the chunks in progress is free: that matters to who lacked one, or has nothing else under way. */
  #chunkStored(song: SongState, chunkId: ChunkId): boolean {
    this.#verdicts.stored(song, chunkId)
    this.#state.songs.changed(song)
    if (song.wantedCount === 0) this.#leases.settle(song)
    const isIdle = this.#state.requests.size === 0
    return song.wantedCount === 0 || this.#planner.isShortOfRoom || isIdle || this.#hasSounded()
  }

  /** A reader who only reads on is planned for when something more of the song has become urgent, or what is behind is given up. */
  #playbackMoved(song: SongState, event: PlaybackMoved): boolean {
    const [wantedBefore, openBefore] = [song.wantedCount, this.#state.requests.size]
    const beganAnew = this.#readers.moved(song, event)
    if (song.wantedCount === 0) this.#leases.settle(song)
    const isMoreFree = song.wantedCount !== wantedBefore || this.#state.requests.size < openBefore
    return beganAnew || isMoreFree || this.#planner.hasMoreUrgent(song)
  }

  #songAdded(event: SongAdded): boolean {
    const known = this.#state.songs.get(event.songId)
    if (known !== undefined) this.#forget(known)
    this.#state.peers.addSong(event.songId, event.shape.chunkCount)
    this.#state.songs.add(new SongState(event, this.#state.config))
    return true
  }

  #songRemoved(songId: SongId): boolean {
    const song = this.#state.songs.get(songId)
    if (song === undefined) return false
    this.#forget(song)
    this.#state.peers.removeSong(songId)
    return true
  }

  #forget(song: SongState): void {
    for (const chunk of [...song.progress.values()]) this.#desk.discard(song, chunk)
    this.#leases.returnAll(song)
    this.#state.songs.delete(song.songId)
  }

  #peerListed(event: PeerListed): boolean {
    const { songs, peers, health, now } = this.#state
    const song = songs.get(event.songId)
    if (song === undefined || health.isBanned(event.peerId, now)) return false
    peers.listed(event.songId, event.peerId, event)
    if (event.told === 'peer') {
      health.spoke(event.peerId, now)
      song.forgetMarks(event.peerId, event.chunkIds)
    }
    // A tracker's answer is planned for as a whole: peers-found follows.
    return song.wantedCount > 0 && (event.told === 'peer' || !song.lookup.isPending)
  }

  #peerHas(event: PeerHas): boolean {
    const { songs, peers, health, now } = this.#state
    const song = songs.get(event.songId)
    if (song === undefined || health.isBanned(event.peerId, now)) return false
    peers.has(event.songId, event.peerId, event.chunkIds)
    this.#leases.swarmMoved(song)
    song.forgetMarks(event.peerId, event.chunkIds)
    return this.#mayBeAsked(event.peerId) && event.chunkIds.some(chunkId => song.isWanted(chunkId))
  }

  #peerArriving({ songId, peerId, chunks, at }: PeerArriving): boolean {
    const { songs, peers, health, now } = this.#state
    const song = songs.get(songId)
    if (song === undefined || health.isBanned(peerId, now)) return false
    const known = peers.holdingsOf(songId).get(peerId)?.arriving
    const hasMore = chunks.some(chunk => song.lacksBlockOf(chunk, known?.get(chunk.chunkId)?.blocks))
    peers.arriving(songId, peerId, { chunks, at })
    return hasMore && this.#mayBeAsked(peerId) && this.#planner.hasPlaceForMore()
  }

  /** One that is full of our requests is thought of again when one of them ends: what it has besides changes nothing until then. */
  #mayBeAsked(peerId: PeerId): boolean {
    return this.#survey.standingOf(this.#state.health.recordOf(peerId)).standing !== 'full'
  }

  /** What is asked of the peer already may still come; if not, it will say so. */
  #peerLacks(event: PeerLacks): boolean {
    this.#state.peers.lacks(event.songId, event.peerId, event.chunkIds)
    return true
  }

  /** The origin is asked for more before it is done with what it was asked for, or its link would idle. */
  #bytesArrived({ requestId, sizeBytes }: BytesArrived): boolean {
    const request = this.#state.requests.get(requestId)
    if (request === undefined || !(sizeBytes > 0)) return false
    const isFromOrigin = request.source.kind === 'origin'
    const hadRoom = !isFromOrigin || this.#survey.isOriginFree(true)
    this.#desk.arrived(request, sizeBytes)
    return isFromOrigin && !hadRoom && this.#survey.isOriginFree(true)
  }

  /** Places become free when the whole request is done, when the one that it doubles has nothing left to bring, or with the first sound. */
  #blocksVerified({ requestId, firstBlock, blockCount }: BlocksVerified): boolean {
    const { requests } = this.#state
    const request = requests.get(requestId)
    if (request === undefined || request.chunk.verify !== 'blocks') return false
    const { run } = request
    if (firstBlock < run.firstBlock || firstBlock + blockCount > run.firstBlock + run.blockCount) return false
    const openBefore = requests.size
    this.#desk.blocksArrived(request, { firstBlock, blockCount })
    this.#verdicts.judge(request.song, request.chunk)
    return requests.size < openBefore || this.#hasSounded()
  }

  /** What the last plan kept back for the sake of a first sound, or of what follows it at once, need not wait any more. */
  #hasSounded(): boolean {
    if (!this.#planner.isHeldBack && !this.#planner.isStarting) return false
    const { until, startUntil } = this.#firstSound.awaited()
    return this.#planner.isHeldBack ? until === 0 : startUntil === 0
  }

  #requestFinished({ requestId }: RequestFinished): boolean {
    const request = this.#state.requests.get(requestId)
    if (request === undefined) return false
    this.#desk.finished(request)
    this.#verdicts.judge(request.song, request.chunk)
    return true
  }

  #requestFailed(requestId: number, code: ErrorCode, retryAfterMs: number | undefined): boolean {
    const request = this.#state.requests.get(requestId)
    if (request === undefined) return false
    this.#blame.requestFailed(request, code, retryAfterMs)
    return true
  }
}
