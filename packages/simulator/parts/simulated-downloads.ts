// The part of a peer's hands that fetches: runs commands about requests and chunks, and turns bytes into events.
// Not the decisions (the Scheduler) and not the wire (dialer, origin). It mirrors the peer node's coordinator and chunk assembly.
// Invariant: every byte received ends as stored, still in a buffer, or wasted for one reason.

import { assert } from '@evastream/core/assert'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, blockLengthBytes, chunkLengthBytes } from '@evastream/core/manifest'
import type { CancelRequest, CompleteChunk, DiscardChunk, RequestBlocks } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact, WasteReason } from '../records/simulation-observer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { SongPlan } from '../worlds/world-plan.ts'
import type { ArrivingChunks } from './arriving-chunks.ts'
import { type BufferedBlock, ChunkBuffer } from './chunk-buffer.ts'
import type { SimulatedDialer } from './simulated-dialer.ts'
import type { Host, Parcel } from './simulated-network.ts'
import type { SimulatedOrigin } from './simulated-origin.ts'
import type { SimulatedStore } from './simulated-store.ts'

export interface DownloadsDeps {
  readonly clock: VirtualClock
  readonly host: Host
  readonly origin: SimulatedOrigin
  readonly store: SimulatedStore
  feed(event: SchedulerEvent): void
  fact(fact: Fact): void
  /** More of a song may be played. */
  audioArrived(songId: SongId): void
  readonly arrivals: ArrivingChunks
  /** A chunk was verified and stored. */
  stored(songId: SongId, chunkId: ChunkId): void
}

export interface DownloadsOptions {
  /** How long hashing and writing a chunk takes. */
  readonly storeDelayMs: number
  /** Hashes are compared. False only to show that the checkers notice. */
  readonly checksHashes: boolean
}

interface Fetch {
  readonly request: RequestBlocks
  readonly song: SongPlan
  /** Blocks of a run that is judged as a whole chunk wait here: one bad answer must not spoil another's. */
  readonly ownBlocks: ChunkBuffer
  blocksLeft: number
  /** Received since the last whole block. */
  looseBytes: number
  abort: () => void
}

export class SimulatedDownloads {
  readonly #deps: DownloadsDeps
  readonly #dialer: SimulatedDialer
  readonly #options: DownloadsOptions
  readonly #songs = new Map<SongId, SongPlan>()
  readonly #fetches = new Map<number, Fetch>()
  readonly #buffers = new Map<string, ChunkBuffer>()
  #isOver = false

  constructor(deps: DownloadsDeps & { readonly dialer: SimulatedDialer }, options: DownloadsOptions) {
    this.#deps = deps
    this.#dialer = deps.dialer
    this.#options = options
  }

  addSong(song: SongPlan): void {
    this.#songs.set(song.songId, song)
  }

  removeSong(songId: SongId): void {
    this.#songs.delete(songId)
    for (const fetch of this.#fetches.values()) if (fetch.song.songId === songId) this.#drop(fetch)
    for (const [key, buffer] of this.#buffers) if (buffer.songId === songId) this.#throwAway(key)
  }

  /** The process is gone: nothing is told any more. */
  end(): void {
    this.#isOver = true
    for (const fetch of this.#fetches.values()) this.#drop(fetch)
    for (const key of this.#buffers.keys()) this.#throwAway(key)
  }

  request(request: RequestBlocks): void {
    const song = this.#songs.get(request.songId)
    assert(song !== undefined, `a request for the unknown song ${request.songId}`)
    const ownBlocks = new ChunkBuffer(request.songId, request.chunkId)
    const fetch: Fetch = { request, song, ownBlocks, blocksLeft: request.blockCount, looseBytes: 0, abort: () => {} }
    this.#fetches.set(request.requestId, fetch)
    if (request.verify === 'blocks') this.#bufferOf(request)
    const { songId, chunkId, firstBlock, blockCount, requestId, source, priority } = request
    const run = { songId, shape: song.shape, chunkId, firstBlock, blockCount }
    if (source.kind === 'origin') {
      fetch.abort = this.#deps.origin.fetch(this.#deps.host, run, {
        received: parcel => this.received(requestId, parcel),
        failed: (code, retryAfterMs) => this.failed(requestId, code, retryAfterMs),
      })
      return
    }
    const { peerId } = source
    fetch.abort = () => this.#dialer.cancel(peerId, requestId)
    const refusal = this.#dialer.ask(peerId, { ...run, songId, requestId, priority })
    if (refusal !== undefined) this.#deps.clock.after(0, () => this.failed(requestId, refusal.code, refusal.retryAfterMs))
  }

  cancel(command: CancelRequest): void {
    const fetch = this.#fetches.get(command.requestId)
    if (fetch !== undefined) this.#drop(fetch)
  }

  discard(command: DiscardChunk): void {
    this.#throwAway(keyOf(command))
  }

  /** A verified block of a chunk that is not stored yet. */
  verifiedBlock(songId: SongId, chunkId: ChunkId, block: number): BufferedBlock | undefined {
    return this.#buffers.get(keyOf({ songId, chunkId }))?.verifiedBlock(block)
  }

  complete(command: CompleteChunk): void {
    const key = keyOf(command)
    this.#deps.clock.after(this.#options.storeDelayMs, () => this.#complete(key, command))
  }

  received(requestId: number, parcel: Parcel): void {
    if (this.#isOver) return
    const fetch = this.#fetches.get(requestId)
    this.#deps.fact({ kind: 'received', from: fetch?.request.source.kind ?? 'peer', sizeBytes: parcel.sizeBytes })
    if (fetch === undefined) {
      this.#waste(parcel.sizeBytes, 'late')
      return
    }
    fetch.looseBytes += parcel.sizeBytes
    this.#deps.feed({ kind: 'bytes-arrived', at: this.#deps.clock.now(), requestId, sizeBytes: parcel.sizeBytes })
    if (parcel.block === undefined || this.#fetches.get(requestId) !== fetch) return
    fetch.looseBytes = 0
    this.#blockArrived(fetch, parcel.block, parcel.isGood)
    if (this.#fetches.get(requestId) !== fetch || --fetch.blocksLeft > 0) return
    this.#finish(fetch)
  }

  failed(requestId: number, code: ErrorCode, retryAfterMs?: number): void {
    const fetch = this.#fetches.get(requestId)
    if (this.#isOver || fetch === undefined) return
    this.#drop(fetch)
    const failure = { kind: 'request-failed', at: this.#deps.clock.now(), requestId, code } as const
    this.#deps.feed(retryAfterMs === undefined ? failure : { ...failure, retryAfterMs })
  }

  /** The connection ended: the one event `peer-lost` speaks for all its requests. */
  peerLost(peerId: PeerId): void {
    for (const fetch of this.#fetches.values()) {
      const { source } = fetch.request
      if (source.kind === 'peer' && source.peerId === peerId) this.#drop(fetch)
    }
  }

  #blockArrived(fetch: Fetch, block: number, isGood: boolean): void {
    const { request, song } = fetch
    const sizeBytes = blockLengthBytes(song.shape, request.chunkId, block)
    if (request.verify === 'chunk') {
      fetch.ownBlocks.put(block, { isGood, sizeBytes, isVerified: false })
      return
    }
    const isFlawed = song.flaw?.wrong === 'block-hashes' && song.flaw.chunkId === request.chunkId
    if (this.#options.checksHashes && (!isGood || isFlawed)) {
      this.#waste(sizeBytes, 'bad')
      this.failed(request.requestId, request.source.kind === 'origin' ? 'EVA_ORIGIN_HASH_MISMATCH' : 'EVA_BLOCK_HASH_MISMATCH')
      return
    }
    const { songId, chunkId, requestId } = request
    const buffer = this.#bufferOf(request)
    if (!buffer.put(block, { isGood, sizeBytes, isVerified: true })) this.#waste(sizeBytes, 'duplicate')
    this.#deps.fact({ kind: 'verified', songId, chunkId, block })
    this.#deps.feed({ kind: 'blocks-verified', at: this.#deps.clock.now(), requestId, firstBlock: block, blockCount: 1 })
    this.#deps.audioArrived(songId)
    this.#deps.arrivals.grown(songId, chunkId, buffer.count === blockCountOf(song.shape, chunkId))
  }

  #finish(fetch: Fetch): void {
    const { source, requestId } = fetch.request
    this.#fetches.delete(requestId)
    if (source.kind === 'peer') this.#dialer.finished(source.peerId, requestId)
    const buffer = fetch.ownBlocks.isEmpty ? undefined : this.#bufferOf(fetch.request)
    if (buffer !== undefined) this.#waste(buffer.takeAll(fetch.ownBlocks), 'duplicate')
    this.#deps.feed({ kind: 'request-finished', at: this.#deps.clock.now(), requestId: fetch.request.requestId })
  }

  #complete(key: string, { songId, chunkId }: CompleteChunk): void {
    const song = this.#songs.get(songId)
    const buffer = this.#buffers.get(key)
    if (this.#isOver || song === undefined || buffer === undefined) return
    const at = this.#deps.clock.now()
    const isWhole = buffer.count === blockCountOf(song.shape, chunkId)
    const isFlawed = song.flaw?.wrong === 'chunk-hash' && song.flaw.chunkId === chunkId
    if (this.#options.checksHashes && (!isWhole || !buffer.isAllGood || isFlawed)) {
      this.#throwAway(key)
      this.#deps.feed({ kind: 'chunk-rejected', at, songId, chunkId })
      return
    }
    if (!this.#deps.store.save(songId, chunkId, buffer.isAllGood)) {
      this.#deps.feed({ kind: 'chunk-unstored', at, songId, chunkId, code: 'EVA_STORAGE_FAILED' })
      return
    }
    this.#buffers.delete(key)
    this.#deps.fact({ kind: 'stored', songId, chunkId, sizeBytes: chunkLengthBytes(song.shape, chunkId), isGood: buffer.isAllGood })
    this.#deps.feed({ kind: 'chunk-stored', at, songId, chunkId })
    this.#deps.stored(songId, chunkId)
    this.#deps.arrivals.ended(songId, chunkId, true)
  }

  #bufferOf(request: RequestBlocks): ChunkBuffer {
    const key = keyOf(request)
    const known = this.#buffers.get(key)
    if (known !== undefined) return known
    const buffer = new ChunkBuffer(request.songId, request.chunkId)
    this.#buffers.set(key, buffer)
    if (this.#songs.get(request.songId)?.hasBlockHashes === true) this.#deps.arrivals.begun(buffer)
    return buffer
  }

  #drop(fetch: Fetch): void {
    this.#fetches.delete(fetch.request.requestId)
    fetch.abort()
    this.#waste(fetch.looseBytes + fetch.ownBlocks.sizeBytes, 'cut-short')
  }

  #throwAway(key: string): void {
    const buffer = this.#buffers.get(key)
    if (buffer === undefined) return
    this.#waste(buffer.sizeBytes, 'thrown-away')
    this.#buffers.delete(key)
    this.#deps.arrivals.ended(buffer.songId, buffer.chunkId, false)
  }

  #waste(sizeBytes: number, reason: WasteReason): void {
    if (sizeBytes > 0) this.#deps.fact({ kind: 'wasted', sizeBytes, reason })
  }
}

function keyOf({ songId, chunkId }: { readonly songId: SongId; readonly chunkId: ChunkId }): string {
  return `${songId}/${chunkId}`
}
