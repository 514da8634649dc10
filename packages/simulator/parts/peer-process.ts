// One life of a simulated peer: the production Scheduler and its hands, from start to crash or farewell.
// Not the machine (simulated-peer.ts keeps disk, link and plan across lives). It is what the download coordinator is in the peer node.
// Invariant: events enter the Scheduler one at a time, in order, and one timer stands at `nextWakeAt`.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { assert } from '@evastream/core/assert'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { FindPeers, RequestOriginLeases, SchedulerCommand } from '@evastream/engine/commands'
import type { Interest, SchedulerEvent } from '@evastream/engine/events'
import { UplinkMeter } from '@evastream/engine/leases/uplink-meter'
import type { SchedulerSnapshot } from '@evastream/engine/snapshot'
import type { Appointment } from '../event-queue.ts'
import type { Fact, SimulationObserver } from '../records/simulation-observer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { PeerPlan, SongPlan } from '../worlds/world-plan.ts'
import { type ArrivalTeller, ArrivingChunks } from './arriving-chunks.ts'
import { SimulatedDialer } from './simulated-dialer.ts'
import { SimulatedDownloads } from './simulated-downloads.ts'
import { SimulatedListeners } from './simulated-listeners.ts'
import type { SimulatedMetadata } from './simulated-metadata.ts'
import type { Host, Parcel } from './simulated-network.ts'
import type { SimulatedOrigin } from './simulated-origin.ts'
import { SimulatedScout } from './simulated-scout.ts'
import type { SimulatedStore } from './simulated-store.ts'
import type { SimulatedTracker } from './simulated-tracker.ts'
import { SimulatedTrackerSession } from './simulated-tracker-session.ts'
import { SimulatedUploads } from './simulated-uploads.ts'
import type { Switchboard } from './switchboard.ts'

/** What the hands need of a Scheduler; the production one fits, and so does a broken one made to test the checkers. */
export interface SchedulerPort {
  handle(event: SchedulerEvent): readonly SchedulerCommand[]
  nextWakeAt(): number | undefined
  /** Its own account of itself, if it gives one. */
  snapshot?(): SchedulerSnapshot
}

export interface PeerProcessDeps {
  readonly clock: VirtualClock
  readonly switchboard: Switchboard
  readonly tracker: SimulatedTracker
  readonly metadata: SimulatedMetadata
  readonly origin: SimulatedOrigin
  readonly observer: SimulationObserver
  readonly host: Host
  readonly store: SimulatedStore
  readonly scheduler: SchedulerPort
  readonly random: Random
}

export interface PeerProcessOptions {
  readonly plan: PeerPlan
  readonly songs: readonly SongPlan[]
  readonly checksHashes: boolean
}

export class PeerProcess {
  readonly #deps: PeerProcessDeps
  readonly #options: PeerProcessOptions
  readonly #uploads: SimulatedUploads
  readonly #dialer: SimulatedDialer
  readonly #downloads: SimulatedDownloads
  readonly #session: SimulatedTrackerSession
  readonly #scout: SimulatedScout
  readonly #listeners: SimulatedListeners
  readonly #songs = new Map<SongId, SongPlan>()
  readonly #uplink = new UplinkMeter()
  readonly #inbox: SchedulerEvent[] = []
  #isHandling = false
  #isOver = false
  #wake: Appointment | undefined
  /** What `nextWakeAt` said when the timer was set. */
  #wakeAt: number | undefined

  constructor(deps: PeerProcessDeps, options: PeerProcessOptions) {
    this.#deps = deps
    this.#options = options
    const { plan, checksHashes } = options
    const { clock, switchboard, host, store, origin, tracker } = deps
    const feed = (event: SchedulerEvent) => this.feed(event)
    const fact = (told: Fact) => deps.observer.fact(clock.now(), plan.peerId, told)
    const arriving: ArrivalTeller['arriving'] = arrival => this.#uploads.announceArriving(arrival)
    const arrivalEnded = (songId: SongId, chunkId: ChunkId) => this.#uploads.retract(songId, chunkId)
    const arrivals = new ArrivingChunks({ teller: { arriving, arrivalEnded } })
    this.#uploads = new SimulatedUploads({ owner: { ...this.#uploadsOwner(fact), arrivals } }, { slotsMax: plan.slotsMax })
    this.#dialer = new SimulatedDialer({ clock, switchboard, host, listener: this.#dialerListener() }, plan)
    const stored = (songId: SongId, chunkId: ChunkId) => this.#chunkStored(songId, chunkId)
    const audioArrived = (songId: SongId) => this.#listeners.audioArrived(songId)
    this.#downloads = new SimulatedDownloads(
      { clock, host, origin, store, feed, fact, audioArrived, arrivals, stored, dialer: this.#dialer },
      { storeDelayMs: plan.storeDelayMs, checksHashes },
    )
    this.#session = new SimulatedTrackerSession({ clock, tracker, host, store }, plan)
    this.#scout = new SimulatedScout({ clock, session: this.#session, introduce: peerId => this.#dialer.introduce(peerId) })
    this.#listeners = new SimulatedListeners({ clock, owner: this, downloads: this.#downloads, feed, fact })
  }

  start(): void {
    this.#deps.switchboard.plugIn(this.#uploads)
    this.#session.start()
    for (const { songId, interest } of this.#options.plan.songs) this.addSong(songId, interest)
    this.#listeners.start(this.#options.plan.listens)
  }

  /** The process ends: politely (it deregisters), by a crash, or with the power of its machine. */
  end(how: 'politely' | 'crash' | 'silently'): void {
    this.#isOver = true
    this.#uploads.isListening = false
    this.#listeners.end()
    this.#deps.switchboard.unplug(this.#uploads, this.#dialer, how === 'silently')
    this.#downloads.end()
    this.#session.stop(how === 'politely')
    if (this.#wake !== undefined) this.#wake.isCancelled = true
  }

  songOf(songId: SongId): SongPlan {
    const song = this.#options.songs.find(candidate => candidate.songId === songId)
    assert(song !== undefined, `no song ${songId} in this world`)
    return song
  }

  /** Looks up a song that is not known here, and calls back when it is. */
  openSong(songId: SongId, opened: () => void): void {
    if (this.#songs.has(songId)) {
      opened()
      return
    }
    this.#scout.lookAhead(songId)
    this.#deps.metadata.lookUp(this.#deps.host, this.songOf(songId), () => {
      if (this.#isOver) return
      if (!this.#songs.has(songId)) this.addSong(songId, 'idle')
      opened()
    })
  }

  addSong(songId: SongId, interest: Interest): void {
    const song = this.songOf(songId)
    const { shape, byteRateBytesPerSecond, hasBlockHashes } = song
    this.#songs.set(songId, song)
    this.#downloads.addSong(song)
    this.#dialer.follow(songId)
    this.#session.addSong(songId)
    const heldChunkIds = this.#deps.store.heldChunks(songId)
    const at = this.#deps.clock.now()
    this.feed({ kind: 'song-added', at, songId, shape, byteRateBytesPerSecond, hasBlockHashes, heldChunkIds, interest })
  }

  setInterest(songId: SongId, interest: Interest): void {
    if (this.#songs.has(songId)) this.feed({ kind: 'interest-changed', at: this.#deps.clock.now(), songId, interest })
  }

  removeSong(songId: SongId): void {
    this.#songs.delete(songId)
    this.#listeners.stop(songId)
    this.feed({ kind: 'song-removed', at: this.#deps.clock.now(), songId })
    this.#downloads.removeSong(songId)
    this.#dialer.unfollow(songId)
    this.#session.removeSong(songId)
  }

  /** A chunk that was held is gone: evicted, or found rotten. */
  loseChunk(songId: SongId, chunkId: ChunkId): void {
    if (!this.#deps.store.has(songId, chunkId)) return
    this.#deps.store.drop(songId, chunkId)
    this.#uploads.retract(songId, chunkId)
    this.#session.retract(songId, chunkId)
    if (this.#songs.has(songId)) this.feed({ kind: 'chunk-lost', at: this.#deps.clock.now(), songId, chunkId })
  }

  cutConnections(): void {
    this.#deps.switchboard.cut(this.#uploads, this.#dialer)
  }

  /** From which chunk on a listener wants the song; undefined when nobody listens to it. */
  wantedFromChunk(songId: SongId): ChunkId | undefined {
    return this.#listeners.wantedFromChunk(songId)
  }

  hasSong(songId: SongId): boolean {
    return this.#songs.has(songId)
  }

  feed(event: SchedulerEvent): void {
    if (this.#isOver) return
    this.#inbox.push(event)
    if (this.#isHandling) return
    this.#isHandling = true
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) this.#step(next)
    this.#isHandling = false
    this.#setWake()
  }

  #step(event: SchedulerEvent): void {
    const commands = this.#deps.scheduler.handle(event)
    this.#deps.observer.handled(this.#options.plan.peerId, event, commands)
    for (const command of commands) this.#execute(command)
  }

  #execute(command: SchedulerCommand): void {
    switch (command.kind) {
      case 'request-blocks':
        this.#downloads.request(command)
        return
      case 'cancel-request':
        this.#downloads.cancel(command)
        return
      case 'complete-chunk':
        this.#downloads.complete(command)
        return
      case 'discard-chunk':
        this.#downloads.discard(command)
        return
      case 'ban-peer':
        this.#dialer.ban(command.peerId, command.durationMs)
        return
      case 'find-peers':
        this.#findPeers(command)
        return
      case 'request-origin-leases':
        this.#askLeases(command)
        return
      case 'return-origin-leases':
        this.#session.returnLeases(command.leaseIds)
        return
      case 'report-peer':
        this.#session.report(command.peerId)
        return
      case 'report-trouble':
        this.#deps.observer.fact(this.#deps.clock.now(), this.#options.plan.peerId, { ...command, kind: 'trouble' })
        return
    }
  }

  #findPeers({ songId }: FindPeers): void {
    this.#scout.find(songId, {
      found: listings => {
        if (this.#isOver || !this.#songs.has(songId)) return
        for (const { peerId, chunkIds } of listings) {
          this.#dialer.introduce(peerId)
          this.feed({ kind: 'peer-listed', at: this.#deps.clock.now(), songId, peerId, chunkIds, told: 'tracker' })
        }
        this.feed({ kind: 'peers-found', at: this.#deps.clock.now(), songId })
      },
      failed: code => {
        if (this.#songs.has(songId)) this.feed({ kind: 'peers-unfound', at: this.#deps.clock.now(), songId, code })
      },
    })
  }

  #askLeases({ songId, chunkIds, expectedMs }: RequestOriginLeases): void {
    const now = this.#deps.clock.now()
    const backlogMs = this.#uplink.backlogMs(this.#uploads.owedBytes, now)
    const uplinkBytesPerSecond = this.#uplink.rateBytesPerSecond(now)
    this.#session.askLeases(
      { songId, chunkIds, expectedMs, backlogMs, uplinkBytesPerSecond },
      ({ granted, waiting, originCopies }) => {
        if (!this.#songs.has(songId)) return
        for (const { holder } of waiting) if (holder !== undefined) this.#dialer.introduce(holder)
        this.feed({ kind: 'leases-answered', at: this.#deps.clock.now(), songId, granted, waiting, originCopies })
      },
      code => {
        if (this.#songs.has(songId)) this.feed({ kind: 'leases-unavailable', at: this.#deps.clock.now(), songId, code })
      },
    )
  }

  #setWake(): void {
    const at = this.#deps.scheduler.nextWakeAt()
    if (at === this.#wakeAt) return
    if (this.#wake !== undefined) this.#wake.isCancelled = true
    this.#wakeAt = at
    if (at === undefined || this.#isOver) return
    this.#wake = this.#deps.clock.at(at + this.#timerError(), () => {
      this.#wakeAt = undefined
      this.feed({ kind: 'woke', at: this.#deps.clock.now() })
    })
  }

  #timerError(): number {
    const { timerLagMs } = this.#options.plan
    return timerLagMs === 0 ? 0 : this.#deps.random.ratio() * (timerLagMs + 1) - 1
  }

  #chunkStored(songId: SongId, chunkId: ChunkId): void {
    this.#uploads.announce(songId, chunkId)
    this.#session.announce(songId, [chunkId])
    this.#listeners.audioArrived(songId)
  }

  /** Reads a chunk to play or send it; one that turns out rotten is dropped and fetched again. */
  load(songId: SongId, chunkId: ChunkId): boolean | undefined {
    const bytes = this.#deps.store.bytesOf(songId, chunkId)
    if (bytes === 'rotten') this.loseChunk(songId, chunkId)
    return bytes === undefined || bytes === 'rotten' ? undefined : bytes === 'good'
  }

  #uploadsOwner(fact: (told: Fact) => void) {
    const { clock, host, store } = this.#deps
    const { peerId, slotsMax } = this.#options.plan
    return {
      clock,
      host,
      peerId,
      store,
      uplinkBytesPerSecond: () => this.#uplink.rateBytesPerSecond(clock.now()),
      busy: (isBusy: boolean) => this.#uplink.busy(isBusy, clock.now()),
      foundRotten: (songId: SongId, chunkId: ChunkId) => this.loseChunk(songId, chunkId),
      uploading: (activeCount: number) => fact({ kind: 'uploading', activeCount, slotsMax }),
      relayed: ({ songId, chunkId }: { songId: SongId; chunkId: ChunkId }, block: number) =>
        fact({ kind: 'relayed', songId, chunkId, block }),
      sent: ({ songId, chunkId }: { songId: SongId; chunkId: ChunkId }, { sizeBytes, isGood }: Parcel) => {
        this.#uplink.delivered(sizeBytes, clock.now())
        fact({ kind: 'served', songId, chunkId, sizeBytes, isGood })
      },
    }
  }

  #dialerListener() {
    const now = () => this.#deps.clock.now()
    return {
      peerListed: (peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]) =>
        this.feed({ kind: 'peer-listed', at: now(), songId, peerId, chunkIds, told: 'peer' }),
      peerHas: (peerId: PeerId, songId: SongId, chunkId: ChunkId) =>
        this.feed({ kind: 'peer-has', at: now(), songId, peerId, chunkIds: [chunkId] }),
      peerLacks: (peerId: PeerId, songId: SongId, chunkId: ChunkId) =>
        this.feed({ kind: 'peer-lacks', at: now(), songId, peerId, chunkIds: [chunkId] }),
      peerArriving: (peerId: PeerId, songId: SongId, chunks: readonly ArrivingChunk[]) =>
        this.feed({ kind: 'peer-arriving', at: now(), songId, peerId, chunks }),
      peerLost: (peerId: PeerId, code: ErrorCode) => {
        this.#downloads.peerLost(peerId)
        this.feed({ kind: 'peer-lost', at: now(), peerId, code })
      },
      received: (requestId: number, parcel: Parcel) => this.#downloads.received(requestId, parcel),
      rejected: (requestId: number, code: ErrorCode, retryAfterMs?: number) => this.#downloads.failed(requestId, code, retryAfterMs),
    }
  }
}
