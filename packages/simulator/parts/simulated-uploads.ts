// The serving side of an honest peer: the production slots and their order, and runs that follow a chunk that is still arriving.
// Not the upload server: no sockets, no frames, no credit; the behaviour a downloader sees is the same.
// Invariant: it sends only chunks it holds and blocks that it verified, and at most `slotsMax` runs at a time; a run that waits for
// its next block holds no slot.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'
import { type ChunkNewsKind, GatheredNews } from '@evastream/engine/uploads/gathered-news'
import { UploadAdmission } from '@evastream/engine/uploads/upload-admission'
import { UploadSlots } from '@evastream/engine/uploads/upload-slots'
import type { VirtualClock } from '../virtual-clock.ts'
import type { ArrivingChunk, ArrivingChunks } from './arriving-chunks.ts'
import type { PeerRequest, ServingEnd, SimulatedConnection } from './simulated-connection.ts'
import type { Host, Parcel } from './simulated-network.ts'
import type { SimulatedStore } from './simulated-store.ts'
import { SimulatedUpload } from './simulated-upload.ts'

export interface UploadsOwner {
  readonly clock: VirtualClock
  readonly host: Host
  readonly peerId: PeerId
  readonly store: SimulatedStore
  readonly arrivals: ArrivingChunks
  /** A chunk did not match its hash when it was read to be sent. */
  foundRotten(songId: SongId, chunkId: ChunkId): void
  /** What the uplink carries, as far as is known. */
  uplinkBytesPerSecond(): number | undefined
  /** Something is being sent from now on, or nothing is. */
  busy(isBusy: boolean): void
  /** So many runs are being sent now. */
  uploading(activeCount: number): void
  /** A block of a chunk that is not stored yet is being sent. */
  relayed(request: PeerRequest, block: number): void
  sent(request: PeerRequest, parcel: Parcel): void
}

/** As the peer node's: requests open on a connection, those of them for arriving chunks, and how long one waits for a block. */
const REQUESTS_MAX = 16
const RELAYS_MAX = 8
const BLOCK_WAIT_MAX_MS = 2 * SECOND_MS
const BUSY_RETRY_AFTER_MS = SECOND_MS
const RELAY_RETRY_AFTER_MS = SECOND_MS / 4

export class SimulatedUploads implements ServingEnd {
  isListening = true
  readonly saysHello = true
  readonly #owner: UploadsOwner
  readonly #slots: UploadSlots<SimulatedUpload>
  readonly #admission = new UploadAdmission()
  readonly #subscribers = new Map<SongId, Set<SimulatedConnection>>()
  readonly #news = new GatheredNews()
  #tellsAt: Millis | undefined
  readonly #uploads = new Map<SimulatedConnection, Map<number, SimulatedUpload>>()

  constructor(deps: { readonly owner: UploadsOwner }, options: { readonly slotsMax: number }) {
    this.#owner = deps.owner
    this.#slots = new UploadSlots(
      {
        granted: upload => this.#serve(upload),
        displaced: ({ owner, request }) => owner.pause(request.requestId),
        busy: isBusy => this.#owner.busy(isBusy),
      },
      options,
    )
  }

  /** What was asked of us and has not been sent yet. */
  get owedBytes(): number {
    let blocks = 0
    for (const uploads of this.#uploads.values()) for (const upload of uploads.values()) blocks += upload.owedBlocks
    return blocks * BLOCK_SIZE_BYTES
  }

  get host(): Host {
    return this.#owner.host
  }

  get peerId(): PeerId {
    return this.#owner.peerId
  }

  subscribed(connection: SimulatedConnection, songId: SongId): void {
    const subscribers = this.#subscribers.get(songId) ?? new Set()
    this.#subscribers.set(songId, subscribers.add(connection))
    const { store, arrivals } = this.#owner
    connection.tellList(songId, store.heldChunks(songId))
    const arriving = arrivals.toldOf(songId)
    if (arriving.length > 0) connection.tellArriving(songId, arriving)
  }

  asked(connection: SimulatedConnection, request: PeerRequest): void {
    const { store, arrivals } = this.#owner
    const { songId, chunkId, requestId } = request
    const uploads = this.#uploads.get(connection) ?? new Map<number, SimulatedUpload>()
    this.#uploads.set(connection, uploads)
    const isHeld = store.has(songId, chunkId)
    const arrival = isHeld ? undefined : arrivals.arrivalOf(songId, chunkId)
    const debt = { owedBytes: this.owedBytes, rateBytesPerSecond: this.#owner.uplinkBytesPerSecond() }
    const refusalMs = this.#admission.refusalMs(request, debt)
    if (uploads.size >= REQUESTS_MAX) connection.reject(requestId, 'EVA_PEER_BUSY', BUSY_RETRY_AFTER_MS)
    else if (!isHeld && arrival === undefined) {
      connection.reject(requestId, 'EVA_PEER_CHUNK_MISSING')
      connection.tellLacks(songId, chunkId)
    } else if (arrival !== undefined && [...uploads.values()].filter(({ isArriving }) => isArriving).length >= RELAYS_MAX)
      connection.reject(requestId, 'EVA_PEER_BUSY', RELAY_RETRY_AFTER_MS)
    else if (refusalMs !== undefined) connection.reject(requestId, 'EVA_PEER_BUSY', refusalMs)
    else {
      const upload = new SimulatedUpload(connection, request, arrival)
      uploads.set(requestId, upload)
      arrival?.watch(upload.watcher({ arrived: () => this.#arrived(upload), ended: isStored => this.#arrivalEnded(upload, isStored) }))
      if (upload.canSend) this.#slots.enqueue(upload)
      else this.#wait(upload)
    }
  }

  cancelled(connection: SimulatedConnection, requestId: number): void {
    const upload = this.#uploads.get(connection)?.get(requestId)
    if (upload !== undefined) this.#forget(upload)
  }

  acknowledged(connection: SimulatedConnection, requestId: number): void {
    this.cancelled(connection, requestId)
  }

  ended(connection: SimulatedConnection): void {
    for (const subscribers of this.#subscribers.values()) subscribers.delete(connection)
    for (const upload of [...(this.#uploads.get(connection)?.values() ?? [])]) this.#forget(upload)
    this.#uploads.delete(connection)
  }

  announce(songId: SongId, chunkId: ChunkId): void {
    this.#note('have', songId, chunkId)
  }

  /** Its first blocks can be had, or more of them. */
  announceArriving({ songId, chunkId }: ArrivingChunk): void {
    this.#note('arriving', songId, chunkId)
  }

  #note(kind: ChunkNewsKind, songId: SongId, chunkId: ChunkId): void {
    const { clock } = this.#owner
    this.#news.note(kind, songId, [chunkId])
    const { dueAt } = this.#news
    if (dueAt > clock.now() && this.#tellsAt !== dueAt) {
      this.#tellsAt = dueAt
      clock.after(dueAt - clock.now(), () => this.#tellDueNews())
    } else this.#tellDueNews()
  }

  /** What was told early, with something else, leaves a timer behind. */
  #tellDueNews(): void {
    if (this.#news.dueAt <= this.#owner.clock.now()) this.#tellNews()
  }

  #tellNews(): void {
    const { arrivals, clock } = this.#owner
    for (const { songId, held, arriving } of this.#news.take(clock.now())) {
      const grown = arriving
        .flatMap(chunkId => arrivals.arrivalOf(songId, chunkId)?.toldAs() ?? [])
        .filter(({ blocks }) => blocks.length > 0)
      for (const connection of this.#subscribers.get(songId) ?? []) {
        for (const chunkId of held) connection.tellHas(songId, chunkId)
        if (grown.length > 0) connection.tellArriving(songId, grown)
      }
    }
  }

  retract(songId: SongId, chunkId: ChunkId): void {
    this.#tellNews()
    for (const connection of this.#subscribers.get(songId) ?? []) connection.tellLacks(songId, chunkId)
  }

  #serve(upload: SimulatedUpload): void {
    const { owner: connection, request } = upload
    const { songId, chunkId, requestId } = request
    this.#owner.uploading(this.#slots.inServiceCount)
    if (!upload.isArriving) {
      const bytes = this.#owner.store.bytesOf(songId, chunkId)
      if (bytes === undefined || bytes === 'rotten') {
        // The slots are in the middle of handing out.
        this.#owner.clock.after(0, () => this.#giveUp(upload, 'EVA_PEER_CHUNK_MISSING'))
        if (bytes === 'rotten') this.#owner.foundRotten(songId, chunkId)
        return
      }
      upload.storedBytes = bytes
    }
    if (upload.hasBegun) {
      connection.resume(requestId)
      return
    }
    upload.hasBegun = true
    const sending = (block: number) => {
      upload.sendingBlock(block)
      if (upload.isArriving) this.#owner.relayed(request, block)
    }
    const manner = {
      isGood: () => upload.isGood,
      hasBlock: (block: number) => upload.hasBlock(block),
      sending,
      ranShort: () => this.#ranShort(upload),
    }
    connection.send(request, manner, parcel => this.#owner.sent(request, parcel))
  }

  /** It waits for its next block, and others have its slot meanwhile. */
  #ranShort(upload: SimulatedUpload): void {
    upload.owner.pause(upload.request.requestId)
    this.#wait(upload)
    this.#slots.release(upload)
  }

  #wait(upload: SimulatedUpload): void {
    const since = this.#owner.clock.now()
    upload.waitingSince = since
    this.#owner.clock.after(BLOCK_WAIT_MAX_MS, () => {
      if (upload.waitingSince === since && !upload.isOver) this.#giveUp(upload, 'EVA_PEER_BUSY', RELAY_RETRY_AFTER_MS)
    })
  }

  #arrived(upload: SimulatedUpload): void {
    if (upload.waitingSince === undefined || !upload.canSend) return
    upload.waitingSince = undefined
    this.#slots.enqueue(upload)
  }

  #arrivalEnded(upload: SimulatedUpload, isStored: boolean): void {
    const wasWaiting = upload.waitingSince !== undefined
    upload.waitingSince = undefined
    const { songId, chunkId } = upload.request
    if (!isStored) {
      if (!upload.isSent) this.#giveUp(upload, 'EVA_PEER_CHUNK_MISSING')
      return
    }
    upload.storedBytes = this.#owner.store.bytesOf(songId, chunkId)
    if (wasWaiting) this.#slots.enqueue(upload)
  }

  #giveUp(upload: SimulatedUpload, code: ErrorCode, retryAfterMs?: number): void {
    if (upload.isOver) return
    upload.owner.reject(upload.request.requestId, code, retryAfterMs)
    this.#forget(upload)
  }

  #forget(upload: SimulatedUpload): void {
    upload.end()
    this.#uploads.get(upload.owner)?.delete(upload.request.requestId)
    this.#slots.release(upload)
  }
}
