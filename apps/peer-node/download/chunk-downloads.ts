// The part of the coordinator's hands that fetches: runs the Scheduler's requests against sources and turns what comes into events.
// Not the decisions: which block from whom, and what a failure means, is the Scheduler's.
// Invariant: every request ends in exactly one of request-finished, request-failed, peer-lost or silence after a cancel, and every
// byte that arrived ends in the ledger once: kept with its chunk, or wasted for one reason.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { assert } from '@evastream/core/assert'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, chunkLengthBytes, firstBlockIndexOf, type Manifest, type SongShape } from '@evastream/core/manifest'
import { HASH_SIZE_BYTES } from '@evastream/core/units'
import type { CancelRequest, CompleteChunk, DiscardChunk, RequestBlocks } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { TransferLedger, WasteReason } from '../playback/transfer-ledger.ts'
import type { ChunkSource, ChunkStorePort, Clock, PeerNetworkPort, WakeTimer } from '../ports.ts'
import type { ChunkBuffers } from '../store/chunk-buffers.ts'
import type { LentChunk } from '../store/chunk-loans.ts'
import { STORAGE_TROUBLE } from '../store/storage-fault.ts'
import type { ChunkArrival, ChunkArrivals } from './chunk-arrivals.ts'
import { type AssemblyRun, ChunkAssembly, type SourceSplit } from './chunk-assembly.ts'
import { GatheredRuns } from './gathered-runs.ts'
import type { OriginOutageLog } from './origin-outage-log.ts'

export interface ChunkDownloadsDeps {
  readonly clock: Clock
  readonly origin: ChunkSource
  readonly network: Pick<PeerNetworkPort, 'sourceOf'>
  readonly store: Pick<ChunkStorePort, 'saveChunk' | 'saveVerified'>
  readonly ledger: TransferLedger
  readonly outages: Pick<OriginOutageLog, 'failed' | 'answered' | 'stored'>
  /** Absent: each chunk gets a new one. */
  readonly buffers?: Pick<ChunkBuffers, 'take'>
  feed(event: SchedulerEvent): void
  /** Makes a timer; `wake` is called at its deadline. */
  makeTimer(wake: () => void): WakeTimer
  /** What was stored is at hand, for others; told before `chunkStored`. */
  lend?(songId: SongId, chunkId: ChunkId, chunk: LentChunk): void
  /** A chunk was verified and is on disk; told before the Scheduler hears of it. */
  chunkStored(stored: StoredChunk): void
  /** A chunk came from the network and its hash fits, whether or not the disk takes it; told once. */
  chunkVerified(verified: VerifiedChunk): void
  /** The first block of a chunk was verified, or some more, and others are to come. */
  chunkArriving(songId: SongId, chunkId: ChunkId): void
  /** A chunk of which blocks were verified is given up. */
  arrivalEnded(songId: SongId, chunkId: ChunkId): void
  /** More of a song can be read: by `verifiedBytes`, or from the store. */
  audioArrived(songId: SongId): void
}

export interface StoredChunk {
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly split: SourceSplit
}

export interface VerifiedChunk extends StoredChunk {
  /** The peers that sent some of it. */
  readonly peerIds: readonly PeerId[]
}

export interface DownloadedSong {
  readonly songId: SongId
  readonly shape: SongShape
  /** 32 bytes a block of the song. */
  readonly blockHashes: Uint8Array | undefined
  /** The chunks' own hashes: with them one look is enough for a chunk that comes in one go. */
  readonly chunks?: Manifest['chunks']
}

interface OpenSong extends DownloadedSong {
  readonly assemblies: Map<ChunkId, ChunkAssembly>
  /** Those that were told to be arriving. */
  readonly arriving: Set<ChunkId>
}

interface OpenRequest {
  readonly command: RequestBlocks
  readonly song: OpenSong
  readonly run: AssemblyRun
  readonly abort: AbortController
  /** What the Scheduler knows of: bytes that came, and blocks that matched. */
  toldBytes: number
  toldBlocks: number
  /** Why the bytes that are not kept were received for nothing. */
  waste: WasteReason
}

export class ChunkDownloads implements ChunkArrivals {
  readonly #deps: ChunkDownloadsDeps
  readonly #songs = new Map<SongId, OpenSong>()
  readonly #requests = new Map<number, OpenRequest>()
  readonly #gathered: GatheredRuns<OpenRequest>
  /** Assemblies that are being stored right now: whatever else happens, what becomes of them is told at the end of that. */
  readonly #storing = new Set<ChunkAssembly>()
  /** Fetches and stores under way, so that a stop can wait for them. */
  readonly #pending = new Set<Promise<void>>()
  #isStopped = false

  constructor(deps: ChunkDownloadsDeps) {
    this.#deps = deps
    this.#gathered = new GatheredRuns({
      clock: deps.clock,
      makeTimer: wake => deps.makeTimer(wake),
      tell: request => this.#look(request, request.run.arrivedBytes),
    })
  }

  addSong(song: DownloadedSong): void {
    this.#songs.set(song.songId, { ...song, assemblies: new Map(), arriving: new Set() })
  }

  request(command: RequestBlocks): void {
    const song = this.#songs.get(command.songId)
    const source = this.#sourceOf(command)
    if (song === undefined || source === undefined) {
      this.#deps.feed({ kind: 'request-failed', at: this.#deps.clock.now(), requestId: command.requestId, code: 'EVA_PEER_UNREACHABLE' })
      return
    }
    const { firstBlock, blockCount, verify } = command
    const peerId = command.source.kind === 'peer' ? command.source.peerId : undefined
    const runOptions = { firstBlock, blockCount, source: command.source.kind, peerId, checksBlocks: verify === 'blocks' }
    const run = this.#assemblyOf(song, command.chunkId).begin(runOptions)
    const request: OpenRequest = { command, song, run, abort: new AbortController(), toldBytes: 0, toldBlocks: 0, waste: 'cut-short' }
    this.#requests.set(command.requestId, request)
    this.#track(this.#fetch(request, source, song.shape))
  }

  cancel(command: CancelRequest): void {
    const request = this.#requests.get(command.requestId)
    if (request === undefined) return
    this.#drop(request)
    if (command.reason === 'timed-out') this.#noteFailure(request, new EvaError('EVA_ORIGIN_TIMEOUT'))
  }

  discard(command: DiscardChunk): void {
    const song = this.#songs.get(command.songId)
    const assembly = song?.assemblies.get(command.chunkId)
    song?.assemblies.delete(command.chunkId)
    if (song !== undefined && assembly !== undefined && !this.#storing.has(assembly)) this.#throwAway(song, assembly, 'thrown-away')
  }

  complete(command: CompleteChunk): void {
    this.#track(this.#complete(command))
  }

  /** Verified bytes of a chunk that is not stored yet, from an offset in the song on; none are an empty answer. */
  verifiedBytes(songId: SongId, offsetBytes: number, lengthMaxBytes: number): Uint8Array {
    const song = this.#songs.get(songId)
    if (song === undefined) return new Uint8Array(0)
    const chunkId = Math.floor(offsetBytes / song.shape.chunkSize)
    const offsetInChunk = offsetBytes - chunkId * song.shape.chunkSize
    return song.assemblies.get(chunkId)?.verifiedBytes(offsetInChunk, lengthMaxBytes) ?? new Uint8Array(0)
  }

  /** Those of which something was asked for and that are not stored yet. */
  chunksInFlight(songId: SongId): readonly ChunkId[] {
    return [...(this.#songs.get(songId)?.assemblies.keys() ?? [])]
  }

  arrivingChunks(songId: SongId): readonly ArrivingChunk[] {
    const song = this.#songs.get(songId)
    const chunks = [...(song?.arriving ?? [])].map(chunkId => ({ chunkId, blocks: song?.assemblies.get(chunkId)?.verifiedBlocks() ?? [] }))
    return chunks.filter(({ blocks }) => blocks.length > 0)
  }

  arrivingBlocks(songId: SongId, chunkId: ChunkId): readonly number[] {
    const assembly = this.#songs.get(songId)?.assemblies.get(chunkId)
    return assembly === undefined || assembly.isWhole || !assembly.isRelayable ? [] : assembly.verifiedBlocks()
  }

  arrivalOf(songId: SongId, chunkId: ChunkId): ChunkArrival | undefined {
    const assembly = this.#songs.get(songId)?.assemblies.get(chunkId)
    return assembly?.isRelayable === true ? assembly : undefined
  }

  /** The connection to a peer ended: the one event `peer-lost` speaks for all its requests. */
  peerLost(peerId: PeerId): void {
    for (const request of [...this.#requests.values()]) {
      const { source } = request.command
      if (source.kind !== 'peer' || source.peerId !== peerId) continue
      this.#lookLast(request)
      this.#drop(request)
    }
  }

  /** Aborts every request, and resolves when no source writes and no chunk is being stored any more. Nothing is told afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#gathered.stop()
    for (const request of [...this.#requests.values()]) this.#drop(request)
    await Promise.all(this.#pending)
    for (const song of this.#songs.values()) for (const assembly of song.assemblies.values()) this.#throwAway(song, assembly, 'thrown-away')
    this.#songs.clear()
  }

  async #fetch(request: OpenRequest, source: ChunkSource, shape: SongShape): Promise<void> {
    const { command, run, abort } = request
    const { songId, chunkId, firstBlock, blockCount, priority } = command
    const blocks = { songId, shape, chunkId, firstBlock, blockCount, priority, target: run.target }
    try {
      await source.fetchBlocks(blocks, filledBytes => this.#arrived(request, filledBytes), abort.signal)
      this.#arrived(request, run.target.length)
      this.#finished(request)
    } catch (thrown) {
      this.#lookLast(request)
      this.#failed(request, toEvaError(thrown))
    } finally {
      run.settled()
      this.#deps.ledger.wasted(run.wastedBytes, request.waste)
    }
  }

  /** What is about to be heard, or handed on, is looked at as it comes. */
  #arrived(request: OpenRequest, filledBytes: number): void {
    const { command, song, run } = request
    const isAwaited = command.priority === 'play' || song.assemblies.get(command.chunkId)?.isWatched === true
    if (isAwaited || filledBytes === run.target.length) {
      this.#look(request, filledBytes)
      return
    }
    run.filled(filledBytes)
    if (this.#isOpen(request)) this.#gathered.add(request)
  }

  #look(request: OpenRequest, filledBytes: number): void {
    const { command, run } = request
    this.#gathered.delete(request)
    const { verifiedCount, isSpoiled } = run.arrived(filledBytes)
    if (!this.#isOpen(request)) return
    // What is all here is told by its end, which follows.
    if (isSpoiled || filledBytes < run.target.length) this.#tell(request)
    if (verifiedCount > 0) this.#grown(request)
    if (!isSpoiled) return
    const code = command.source.kind === 'origin' ? 'EVA_ORIGIN_HASH_MISMATCH' : 'EVA_BLOCK_HASH_MISMATCH'
    request.waste = 'bad'
    this.#failed(request, new EvaError(code))
    request.abort.abort()
  }

  /** Nothing more comes of it: what is here is kept. */
  #lookLast(request: OpenRequest): void {
    this.#look(request, request.run.arrivedBytes)
    this.#tell(request)
  }

  #tell(request: OpenRequest): void {
    const { command, run, toldBytes, toldBlocks } = request
    const { requestId, firstBlock } = command
    const at = this.#deps.clock.now()
    request.toldBytes = run.arrivedBytes
    request.toldBlocks = run.verifiedCount
    const [sizeBytes, blockCount] = [request.toldBytes - toldBytes, request.toldBlocks - toldBlocks]
    if (sizeBytes > 0 && this.#isOpen(request)) this.#deps.feed({ kind: 'bytes-arrived', at, requestId, sizeBytes })
    if (blockCount > 0 && this.#isOpen(request))
      this.#deps.feed({ kind: 'blocks-verified', at, requestId, firstBlock: firstBlock + toldBlocks, blockCount })
  }

  #grown({ command, song }: OpenRequest): void {
    const { songId, chunkId } = command
    this.#deps.audioArrived(songId)
    // What is whole is told as held in a moment.
    if (song.assemblies.get(chunkId)?.isWhole ?? true) return
    song.arriving.add(chunkId)
    this.#deps.chunkArriving(songId, chunkId)
  }

  #finished(request: OpenRequest): void {
    if (!this.#isOpen(request)) return
    const { requestId } = request.command
    request.run.finished()
    request.waste = 'duplicate'
    this.#requests.delete(requestId)
    if (request.command.source.kind === 'origin') this.#deps.outages.answered()
    this.#deps.feed({ kind: 'request-finished', at: this.#deps.clock.now(), requestId })
  }

  #failed(request: OpenRequest, error: EvaError): void {
    if (!this.#isOpen(request)) return
    const { requestId } = request.command
    this.#requests.delete(requestId)
    this.#noteFailure(request, error)
    const failure = { kind: 'request-failed', at: this.#deps.clock.now(), requestId, code: error.code } as const
    const { retryAfterMs } = error.details
    this.#deps.feed(typeof retryAfterMs === 'number' ? { ...failure, retryAfterMs } : failure)
  }

  #noteFailure({ command }: OpenRequest, error: EvaError): void {
    const { source, songId, chunkId } = command
    if (source.kind === 'origin') this.#deps.outages.failed(error, { songId, chunkId })
  }

  /** Whether the Scheduler still waits for the request: not finished, failed, cancelled or lost with its peer. */
  #isOpen(request: OpenRequest): boolean {
    return !this.#isStopped && this.#requests.get(request.command.requestId) === request
  }

  #drop(request: OpenRequest): void {
    this.#gathered.delete(request)
    this.#requests.delete(request.command.requestId)
    request.abort.abort()
  }

  async #complete({ songId, chunkId }: CompleteChunk): Promise<void> {
    const song = this.#songs.get(songId)
    const assembly = song?.assemblies.get(chunkId)
    assert(song !== undefined && assembly?.isWhole === true, `chunk ${chunkId} of ${songId} is to be completed and is not all here`)
    assembly.close()
    this.#storing.add(assembly)
    const failure = await this.#save(songId, assembly).then(() => undefined, toEvaError)
    this.#storing.delete(assembly)
    const isRejected = failure?.code === 'EVA_CHUNK_HASH_MISMATCH'
    // The store looks at the hash before the disk can fail.
    const isProven = failure === undefined || STORAGE_TROUBLE.has(failure.code)
    const isStillWanted = song.assemblies.get(chunkId) === assembly
    if (isStillWanted && (failure === undefined || isRejected)) song.assemblies.delete(chunkId)
    const at = this.#deps.clock.now()
    const split = assembly.split()
    if (isProven && assembly.prove()) {
      this.#deps.ledger.received(split)
      this.#deps.chunkVerified({ songId, chunkId, split, peerIds: assembly.peerIds() })
    }
    if (!isRejected) this.#deps.audioArrived(songId)
    if (failure === undefined) {
      this.#deps.outages.stored({ songId, chunkId })
      this.#deps.ledger.chunkStored(split)
      song.arriving.delete(chunkId)
      this.#deps.lend?.(songId, chunkId, assembly.toLend())
      this.#deps.chunkStored({ songId, chunkId, split })
      assembly.end(true)
      this.#deps.feed({ kind: 'chunk-stored', at, songId, chunkId })
      return
    }
    this.#deps.ledger.chunkRefused(split, isRejected ? 'rejected' : 'unstored')
    const isOriginAlone = split.peerBytes === 0 && split.originBytes > 0
    if (isRejected && isOriginAlone) this.#deps.outages.failed(new EvaError('EVA_ORIGIN_HASH_MISMATCH'), { songId, chunkId })
    if (isRejected || !isStillWanted) this.#throwAway(song, assembly, isRejected ? 'bad' : 'thrown-away')
    if (isRejected) this.#deps.feed({ kind: 'chunk-rejected', at, songId, chunkId })
    else this.#deps.feed({ kind: 'chunk-unstored', at, songId, chunkId, code: failure.code })
  }

  #save(songId: SongId, assembly: ChunkAssembly): Promise<void> {
    const { store } = this.#deps
    const { chunkId, isHashed } = assembly
    return isHashed ? store.saveVerified(songId, chunkId, assembly.toBytes()) : store.saveChunk(songId, chunkId, assembly.toBytes())
  }

  #sourceOf({ source }: RequestBlocks): ChunkSource | undefined {
    return source.kind === 'origin' ? this.#deps.origin : this.#deps.network.sourceOf(source.peerId)
  }

  #assemblyOf(song: OpenSong, chunkId: ChunkId): ChunkAssembly {
    const present = song.assemblies.get(chunkId)
    if (present !== undefined) return present
    const { shape } = song
    const first = firstBlockIndexOf(shape, chunkId) * HASH_SIZE_BYTES
    const blockHashes = song.blockHashes?.subarray(first, first + blockCountOf(shape, chunkId) * HASH_SIZE_BYTES)
    const buffer = this.#deps.buffers?.take(chunkLengthBytes(shape, chunkId))
    const chunkHash = song.chunks?.[chunkId]?.hash
    const assembly = new ChunkAssembly({ shape, chunkId, blockHashes, chunkHash, ...(buffer !== undefined && { buffer }) })
    song.assemblies.set(chunkId, assembly)
    return assembly
  }

  #throwAway(song: OpenSong, assembly: ChunkAssembly, reason: WasteReason): void {
    const { chunkId } = assembly
    assembly.end(false)
    song.arriving.delete(chunkId)
    // Also when nobody was told yet: somebody may have asked for it all the same.
    if (assembly.isRelayable && !this.#isStopped) this.#deps.arrivalEnded(song.songId, chunkId)
    const { originBytes, peerBytes } = assembly.split()
    // Of a proven chunk every byte could be played, though the disk did not take it.
    if (!assembly.isProven) this.#deps.ledger.wasted(originBytes + peerBytes, reason)
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work)
    void work.finally(() => this.#pending.delete(work))
  }
}
