// The hands of the Scheduler: one loop that feeds it events one at a time, and runs what it wants through ports.
// Not a place for judgement: which chunk, from whom, and what a failure means, is decided in the engine alone.
// Invariant: events reach the Scheduler in the order in which they were fed, each with all commands of the one before it carried out;
// when handling one throws, none follows, and the process hears of it.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { BanPeer, FindPeers, ReportTrouble, SchedulerCommand } from '@evastream/engine/commands'
import type { Interest, SchedulerEvent } from '@evastream/engine/events'
import type { ChunkArrivals } from './download/chunk-arrivals.ts'
import { ChunkDownloads, type DownloadedSong, type StoredChunk, type VerifiedChunk } from './download/chunk-downloads.ts'
import { OriginLeases } from './download/origin-leases.ts'
import { OriginOutageLog } from './download/origin-outage-log.ts'
import type { TransferLedger } from './playback/transfer-ledger.ts'
import type { ChunkSource, ChunkStorePort, Clock, NodeLog, PeerNetworkListener, PeerNetworkPort, TrackerPort, WakeTimer } from './ports.ts'
import type { ChunkBuffers } from './store/chunk-buffers.ts'
import type { LentChunk } from './store/chunk-loans.ts'
import { STORAGE_TROUBLE } from './store/storage-fault.ts'

/** The engine's Scheduler, as far as its hands need it. */
export interface SchedulerPort {
  handle(event: SchedulerEvent): readonly SchedulerCommand[]
  nextWakeAt(): Millis | undefined
}

export interface CoordinatorDeps {
  readonly scheduler: SchedulerPort
  readonly clock: Clock
  readonly origin: ChunkSource
  readonly network: Pick<PeerNetworkPort, 'sourceOf' | 'introduce' | 'ban'>
  readonly tracker: Pick<TrackerPort, 'getPeers' | 'requestOriginLeases' | 'returnOriginLeases' | 'reportPeer'>
  readonly store: Pick<ChunkStorePort, 'saveChunk' | 'saveVerified'>
  readonly ledger: TransferLedger
  readonly log: NodeLog
  /** Makes a timer; `wake` is called at its deadline. */
  makeTimer(wake: () => void): WakeTimer
  chunkStored(stored: StoredChunk): void
  /** A chunk came from the network and its hash fits, whether or not the disk takes it; told once. */
  chunkVerified(verified: VerifiedChunk): void
  /** These as ChunkDownloads'. */
  readonly buffers?: Pick<ChunkBuffers, 'take'>
  lend?(songId: SongId, chunkId: number, chunk: LentChunk): void
  chunkArriving(songId: SongId, chunkId: number): void
  arrivalEnded(songId: SongId, chunkId: number): void
  /** More of a song can be read: by `verifiedBytes`, or from the store. */
  audioArrived(songId: SongId): void
}

/** A song whose manifest is here and whose stored chunks are listed. */
export interface AddedSong extends DownloadedSong {
  readonly byteRateBytesPerSecond: number
  readonly heldChunkIds: readonly number[]
  readonly interest: Interest
}

export class DownloadCoordinator {
  readonly #deps: CoordinatorDeps
  readonly #downloads: ChunkDownloads
  readonly #leases: OriginLeases
  readonly #timer: WakeTimer
  readonly #queue: SchedulerEvent[] = []
  readonly #searches = new Map<SongId, AbortController>()
  #isFeeding = false
  #isDiskInTrouble = false
  #isStopped = false

  constructor(deps: CoordinatorDeps) {
    this.#deps = deps
    const feed = (event: SchedulerEvent) => this.#feed(event)
    this.#downloads = new ChunkDownloads({
      ...deps,
      feed,
      outages: new OriginOutageLog(deps),
      chunkStored: stored => {
        this.#isDiskInTrouble = false
        deps.chunkStored(stored)
      },
    })
    this.#leases = new OriginLeases({ ...deps, feed })
    this.#timer = deps.makeTimer(() => this.#feed({ kind: 'woke', at: deps.clock.now() }))
  }

  addSong(song: AddedSong): void {
    const { songId, shape, blockHashes, byteRateBytesPerSecond, heldChunkIds, interest } = song
    this.#downloads.addSong(song)
    const hasBlockHashes = blockHashes !== undefined
    this.#feed({ kind: 'song-added', at: this.#now, songId, shape, byteRateBytesPerSecond, hasBlockHashes, heldChunkIds, interest })
  }

  setInterest(songId: SongId, interest: Interest): void {
    this.#feed({ kind: 'interest-changed', at: this.#now, songId, interest })
  }

  /** A reader (one connection of a player) reads on from here. */
  playbackMoved(songId: SongId, readerId: string, positionBytes: number): void {
    this.#feed({ kind: 'playback-moved', at: this.#now, songId, readerId, positionBytes })
  }

  /** Somebody is going to read from here, and does not wait to hear it. */
  readingAhead(songId: SongId, readerId: string, positionBytes: number): void {
    this.#feed({ kind: 'playback-moved', at: this.#now, songId, readerId, positionBytes, isReadAhead: true })
  }

  playbackStopped(songId: SongId, readerId: string): void {
    this.#feed({ kind: 'playback-stopped', at: this.#now, songId, readerId })
  }

  /** The songs to come after the one being played. */
  setQueue(songIds: readonly SongId[]): void {
    this.#feed({ kind: 'queue-changed', at: this.#now, songIds: [...songIds] })
  }

  /** Whether the tracker knows this node, and grants it leases. */
  setLeasing(hasLeases: boolean): void {
    this.#feed({ kind: 'leasing-changed', at: this.#now, hasLeases })
  }

  /** Verified bytes of a chunk that is not stored yet, from an offset in the song on; none are an empty answer. */
  verifiedBytes(songId: SongId, offsetBytes: number, lengthMaxBytes: number): Uint8Array {
    return this.#downloads.verifiedBytes(songId, offsetBytes, lengthMaxBytes)
  }

  /** Chunks of which something was asked for and that are not stored yet. */
  chunksInFlight(songId: SongId): readonly number[] {
    return this.#downloads.chunksInFlight(songId)
  }

  /** What can be handed on of chunks that are not stored yet. */
  get arrivals(): ChunkArrivals {
    return this.#downloads
  }

  /** A chunk that was held is gone. */
  chunkLost(songId: SongId, chunkId: number): void {
    this.#feed({ kind: 'chunk-lost', at: this.#now, songId, chunkId })
  }

  /** What the network of peers tells. */
  readonly peers: PeerNetworkListener = {
    peerListed: (peerId, songId, chunkIds) => this.#feed({ kind: 'peer-listed', at: this.#now, songId, peerId, chunkIds, told: 'peer' }),
    peerHas: (peerId, songId, chunkIds) => this.#feed({ kind: 'peer-has', at: this.#now, songId, peerId, chunkIds }),
    peerLacks: (peerId, songId, chunkIds) => this.#feed({ kind: 'peer-lacks', at: this.#now, songId, peerId, chunkIds }),
    peerArriving: (peerId, songId, chunks) => this.#feed({ kind: 'peer-arriving', at: this.#now, songId, peerId, chunks }),
    peerLost: (peerId, code) => {
      this.#downloads.peerLost(peerId)
      this.#feed({ kind: 'peer-lost', at: this.#now, peerId, code })
    },
  }

  /** Ends every request and search; resolves when nothing is being received or stored any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer.wakeAt(undefined)
    for (const search of this.#searches.values()) search.abort()
    this.#leases.stop()
    await this.#downloads.stop()
  }

  get #now(): Millis {
    return this.#deps.clock.now()
  }

  /** A command's outcome may come at once, while its event is being handled: it then waits for its turn in the queue. */
  #feed(event: SchedulerEvent): void {
    if (this.#isStopped) return
    this.#queue.push(event)
    if (this.#isFeeding) return
    this.#isFeeding = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
        for (const command of this.#deps.scheduler.handle(next)) this.#carryOut(command)
      this.#timer.wakeAt(this.#isStopped ? undefined : this.#deps.scheduler.nextWakeAt())
    } catch (thrown) {
      this.#breakDown(thrown)
    } finally {
      this.#isFeeding = false
    }
  }

  /**
   * A broken invariant here is no fault of the source, timer or socket whose word was being handled, and none of them may swallow it:
   * it ends the process, as an exception that nobody catches.
   */
  #breakDown(thrown: unknown): void {
    this.#isStopped = true
    this.#queue.length = 0
    const { code, message, nextStep } = toEvaError(thrown)
    this.#deps.log.error({ code, nextStep, err: thrown }, `The download engine broke down, so the peer ends: ${message}`)
    queueMicrotask(() => {
      throw thrown
    })
  }

  #carryOut(command: SchedulerCommand): void {
    switch (command.kind) {
      case 'request-blocks':
        if (command.permit !== undefined) this.#deps.ledger.askedOrigin(command.permit)
        this.#downloads.request(command)
        break
      case 'cancel-request':
        this.#downloads.cancel(command)
        break
      case 'complete-chunk':
        this.#downloads.complete(command)
        break
      case 'discard-chunk':
        this.#downloads.discard(command)
        break
      case 'ban-peer':
        this.#ban(command)
        break
      case 'find-peers':
        void this.#findPeers(command)
        break
      case 'request-origin-leases':
        void this.#leases.request(command)
        break
      case 'return-origin-leases':
        void this.#leases.giveBack(command)
        break
      case 'report-peer':
        void this.#leases.report(command)
        break
      case 'report-trouble':
        this.#report(command)
        break
    }
  }

  #ban({ peerId, code, durationMs }: BanPeer): void {
    this.#deps.log.warn({ peerId, code, durationMs }, 'a peer is refused for a time')
    this.#deps.network.ban(peerId, durationMs)
  }

  /** One search per song at a time: a second wish while one is under way is answered by the first. */
  async #findPeers({ songId }: FindPeers): Promise<void> {
    if (this.#searches.has(songId)) return
    const search = new AbortController()
    this.#searches.set(songId, search)
    const found = await this.#deps.tracker.getPeers(songId, search.signal).catch(toEvaError)
    this.#searches.delete(songId)
    if (found instanceof EvaError) {
      this.#feed({ kind: 'peers-unfound', at: this.#now, songId, code: found.code })
      return
    }
    for (const peer of found) {
      if (!this.#deps.network.introduce(peer)) continue
      this.#feed({ kind: 'peer-listed', at: this.#now, songId, peerId: peer.peerId, chunkIds: peer.chunks, told: 'tracker' })
    }
    this.#feed({ kind: 'peers-found', at: this.#now, songId })
  }

  /** Trouble with the disk is told for its first chunk, and again only after a chunk was stored. */
  #report({ code, songId, chunkId }: ReportTrouble): void {
    if (STORAGE_TROUBLE.has(code)) {
      if (this.#isDiskInTrouble) return
      this.#isDiskInTrouble = true
      // Its keeper has told it, with what it takes and may take.
      if (code === 'EVA_CACHE_FULL') return
    }
    const details = chunkId === undefined ? { songId } : { songId, chunkId }
    const error = new EvaError(code, { details })
    this.#deps.log.warn({ ...details, code, nextStep: error.nextStep }, error.message)
  }
}
