// Who was asked for what, since when, and what came of it so far: every request that is open.
// Not whether that is too slow (request-patience) and not whom to ask next (source-selection).
// Invariant: the blocks of a chunk are owned by one open request each (chunk-progress keeps the owners); only a hedge doubles another's.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { BlockRun, ChunkProgress } from './chunk-progress.ts'
import type { PriorityClass, Source } from './commands.ts'
import type { SongState } from './song-state.ts'

export interface RequestOpening {
  readonly song: SongState
  readonly chunk: ChunkProgress
  readonly run: BlockRun
  readonly sizeBytes: number
  readonly source: Source
  readonly priority: PriorityClass
  readonly askedAt: Millis
  /** How long it should take, by what is known of the source. */
  readonly expectedMs: number
  /** When the music needs its first byte. */
  readonly deadlineAt: Millis | undefined
  /** The request that this one doubles. */
  readonly hedgeOf: OpenRequest | undefined
}

export interface OpenRequest extends Omit<RequestOpening, 'hedgeOf'> {
  readonly requestId: number
  receivedBytes: number
  /** Of those, bytes of blocks that matched and were not here before. */
  usefulBytes: number
  /** Since when nothing came, neither of this request nor of one that was asked of the source before it. */
  quietSince: Millis
  /** When to consider a hedge (again). */
  hedgeAt: Millis
  hedgeOf: OpenRequest | undefined
  hedgedBy: OpenRequest | undefined
}

export class RequestTable {
  readonly #open = new Map<number, OpenRequest>()
  readonly #ofPeers = new Map<PeerId, Set<OpenRequest>>()
  #lastId = 0

  get size(): number {
    return this.#open.size
  }

  get(requestId: number): OpenRequest | undefined {
    return this.#open.get(requestId)
  }

  all(): Iterable<OpenRequest> {
    return this.#open.values()
  }

  /** A copy, so that the caller may close them one by one. */
  ofPeer(peerId: PeerId): OpenRequest[] {
    return [...(this.#ofPeers.get(peerId) ?? [])]
  }

  /** A copy, hedges included. */
  ofChunk(chunk: ChunkProgress): OpenRequest[] {
    const requests: OpenRequest[] = []
    for (const request of this.#open.values()) if (request.chunk === chunk) requests.push(request)
    return requests
  }

  open(opening: RequestOpening): OpenRequest {
    const { chunk, run } = opening
    const request: OpenRequest = {
      ...opening,
      requestId: ++this.#lastId,
      receivedBytes: 0,
      usefulBytes: 0,
      quietSince: opening.askedAt,
      hedgeAt: Number.POSITIVE_INFINITY,
      hedgedBy: undefined,
    }
    this.#open.set(request.requestId, request)
    if (opening.source.kind === 'peer') {
      const others = this.#ofPeers.get(opening.source.peerId)
      if (others === undefined) this.#ofPeers.set(opening.source.peerId, new Set([request]))
      else others.add(request)
    }
    if (opening.hedgeOf === undefined) chunk.claim(request.requestId, run)
    else opening.hedgeOf.hedgedBy = request
    return request
  }

  /** Bytes came: the request is alive, and those asked of the same peer after it only wait for their turn. */
  arrived(request: OpenRequest, sizeBytes: number, at: Millis): void {
    request.receivedBytes += sizeBytes
    request.quietSince = at
    if (request.source.kind !== 'peer') return
    for (const other of this.#ofPeers.get(request.source.peerId) ?? [])
      if (other.requestId > request.requestId && other.receivedBytes === 0) other.quietSince = at
  }

  /** The request is over; what it still owned is its hedge's now, or free. */
  close(request: OpenRequest): void {
    if (!this.#open.delete(request.requestId)) return
    if (request.source.kind === 'peer') {
      const others = this.#ofPeers.get(request.source.peerId)
      others?.delete(request)
      if (others?.size === 0) this.#ofPeers.delete(request.source.peerId)
    }
    const { hedgedBy, hedgeOf } = request
    if (hedgedBy !== undefined) hedgedBy.hedgeOf = undefined
    if (hedgeOf !== undefined) hedgeOf.hedgedBy = undefined
    else request.chunk.release(request.requestId, request.run, hedgedBy)
  }
}
