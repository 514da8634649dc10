// The serving side of an honest peer: a few slots, a short queue by priority, and a refusal for everybody else.
// Not the upload server: no sockets, no frames; the behaviour a downloader sees is the same.
// Invariant: it sends only chunks it holds, and at most `slotsMax` runs at a time.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { PriorityClass } from '@evastream/engine/commands'
import type { PeerRequest, ServingEnd, SimulatedConnection } from './simulated-connection.ts'
import type { Host, Parcel } from './simulated-network.ts'
import type { SimulatedStore } from './simulated-store.ts'

export interface UploadsOwner {
  readonly host: Host
  readonly peerId: PeerId
  readonly store: SimulatedStore
  /** A chunk did not match its hash when it was read to be sent. */
  foundRotten(songId: SongId, chunkId: ChunkId): void
  /** So many runs are being sent now. */
  uploading(activeCount: number): void
  sent(request: PeerRequest, parcel: Parcel): void
}

interface Upload {
  readonly connection: SimulatedConnection
  readonly request: PeerRequest
}

const QUEUE_MAX = 16
const RETRY_AFTER_MS = 250
const RANKS: Readonly<Record<PriorityClass, number>> = { play: 0, prefetch: 1, seed: 2 }

export class SimulatedUploads implements ServingEnd {
  isListening = true
  readonly saysHello = true
  readonly #owner: UploadsOwner
  readonly #slotsMax: number
  readonly #subscribers = new Map<SongId, Set<SimulatedConnection>>()
  #active: Upload[] = []
  #queue: Upload[] = []

  constructor(deps: { readonly owner: UploadsOwner }, options: { readonly slotsMax: number }) {
    this.#owner = deps.owner
    this.#slotsMax = options.slotsMax
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
    connection.tellList(songId, this.#owner.store.heldChunks(songId))
  }

  asked(connection: SimulatedConnection, request: PeerRequest): void {
    if (!this.#owner.store.has(request.songId, request.chunkId)) {
      connection.reject(request.requestId, 'EVA_PEER_CHUNK_MISSING')
      return
    }
    if (this.#queue.length >= QUEUE_MAX) {
      connection.reject(request.requestId, 'EVA_PEER_BUSY', RETRY_AFTER_MS)
      return
    }
    this.#queue.push({ connection, request })
    this.#fill()
  }

  cancelled(connection: SimulatedConnection, requestId: number): void {
    this.#forget(upload => upload.connection === connection && upload.request.requestId === requestId)
  }

  acknowledged(connection: SimulatedConnection, requestId: number): void {
    this.cancelled(connection, requestId)
  }

  ended(connection: SimulatedConnection): void {
    for (const subscribers of this.#subscribers.values()) subscribers.delete(connection)
    this.#forget(upload => upload.connection === connection)
  }

  announce(songId: SongId, chunkId: ChunkId): void {
    for (const connection of this.#subscribers.get(songId) ?? []) connection.tellHas(songId, chunkId)
  }

  retract(songId: SongId, chunkId: ChunkId): void {
    for (const connection of this.#subscribers.get(songId) ?? []) connection.tellLacks(songId, chunkId)
  }

  #forget(isOver: (upload: Upload) => boolean): void {
    this.#active = this.#active.filter(upload => !isOver(upload))
    this.#queue = this.#queue.filter(upload => !isOver(upload))
    this.#fill()
  }

  #fill(): void {
    while (this.#active.length < this.#slotsMax && this.#queue.length > 0) {
      const best = this.#queue.reduce((first, other) => (RANKS[other.request.priority] < RANKS[first.request.priority] ? other : first))
      this.#queue = this.#queue.filter(upload => upload !== best)
      this.#serve(best)
    }
  }

  #serve(upload: Upload): void {
    const { connection, request } = upload
    const { store } = this.#owner
    const bytes = store.bytesOf(request.songId, request.chunkId)
    if (bytes === undefined || bytes === 'rotten') {
      connection.reject(request.requestId, 'EVA_PEER_CHUNK_MISSING')
      if (bytes === 'rotten') this.#owner.foundRotten(request.songId, request.chunkId)
      return
    }
    this.#active.push(upload)
    this.#owner.uploading(this.#active.length)
    connection.send(request, { isGood: () => bytes === 'good' }, parcel => this.#owner.sent(request, parcel))
  }
}
