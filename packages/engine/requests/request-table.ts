// Who was asked for what, since when, and what came of it so far: every request that is open.
// Not whether that is too slow (request-patience) and not whom to ask next (source-selection).
// Invariant: the blocks of a chunk are owned by one open request each (chunk-progress keeps the owners); only a hedge doubles another's.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { BlockRun, ChunkProgress } from '../chunks/chunk-progress.ts'
import type { PriorityClass, Source } from '../commands.ts'
import type { SongState } from '../songs/song-state.ts'

export interface RequestOpening {
  readonly song: SongState
  readonly chunk: ChunkProgress
  readonly run: BlockRun
  readonly sizeBytes: number
  readonly source: Source
  /** As it is wanted. */
  readonly priority: PriorityClass
  /** As its source was asked for it (asked-class): by this it is judged how long it may lie there. */
  readonly askedAs: PriorityClass
  readonly askedAt: Millis
  /** How long it should take, by what is known of the source. */
  readonly expectedMs: number
  /** How much longer than usual to wait for it (a factor from 1), by what was known of the source then. */
  readonly patience: number
  /** When the music needs its first byte. */
  readonly deadlineAt: Millis | undefined
  /** The request that this one doubles. */
  readonly hedgeOf: OpenRequest | undefined
  /** Its source failed and never delivered: it is a try. */
  readonly isTry?: boolean
}

export interface OpenRequest extends Omit<RequestOpening, 'hedgeOf'> {
  readonly requestId: number
  receivedBytes: number
  /** Of those, bytes of blocks that matched and were not here before. */
  usefulBytes: number
  /** Since when nothing came, neither of this request nor of one that was asked of the source before it. */
  quietSince: Millis
  /** Bytes that came since, of this request and of those before it: a queue that moves excuses who stands in it. */
  queueBytes: number
  /** When to consider a hedge (again). */
  hedgeAt: Millis
  /** Before this it is not considered for a move. */
  movesAfter: Millis
  hedgeOf: OpenRequest | undefined
  hedgedBy: OpenRequest | undefined
}

type SourceKey = PeerId | typeof ORIGIN
const ORIGIN = Symbol('origin')

export class RequestTable {
  readonly #open = new Map<number, OpenRequest>()
  readonly #bySource = new Map<SourceKey, Set<OpenRequest>>()
  #lastId = 0
  #tryCount = 0

  get size(): number {
    return this.#open.size
  }

  /** Requests that are tries of peers that never delivered. */
  get tryCount(): number {
    return this.#tryCount
  }

  /** Sources that something is asked of. */
  get sourceCount(): number {
    return this.#bySource.size
  }

  get(requestId: number): OpenRequest | undefined {
    return this.#open.get(requestId)
  }

  all(): Iterable<OpenRequest> {
    return this.#open.values()
  }

  /** A copy, so that the caller may close them one by one. */
  ofPeer(peerId: PeerId): OpenRequest[] {
    return [...(this.#bySource.get(peerId) ?? [])]
  }

  /** A copy, hedges included. */
  ofChunk(chunk: ChunkProgress): OpenRequest[] {
    const requests: OpenRequest[] = []
    for (const request of this.#open.values()) if (request.chunk === chunk) requests.push(request)
    return requests
  }

  open(opening: RequestOpening): OpenRequest {
    const { source, askedAt, hedgeOf, isTry = false } = opening
    const request: OpenRequest = {
      ...opening,
      isTry,
      requestId: ++this.#lastId,
      receivedBytes: 0,
      usefulBytes: 0,
      quietSince: askedAt,
      queueBytes: 0,
      hedgeAt: Number.POSITIVE_INFINITY,
      movesAfter: askedAt,
      hedgedBy: undefined,
    }
    this.#open.set(request.requestId, request)
    if (isTry) this.#tryCount++
    const others = this.#bySource.get(keyOf(source))
    if (others === undefined) this.#bySource.set(keyOf(source), new Set([request]))
    else others.add(request)
    if (hedgeOf === undefined) request.chunk.claim(request.requestId, request.run)
    else hedgeOf.hedgedBy = request
    return request
  }

  /** Bytes came: the request is alive, and those asked of the same source after it only wait for their turn. */
  arrived(request: OpenRequest, sizeBytes: number, at: Millis): void {
    request.receivedBytes += sizeBytes
    for (const other of this.#bySource.get(keyOf(request.source)) ?? []) {
      if (other.requestId < request.requestId) continue
      other.queueBytes += sizeBytes
      other.quietSince = at
    }
  }

  /** The request is over; what it still owned is its hedge's now, or free. */
  close(request: OpenRequest): void {
    if (!this.#open.delete(request.requestId)) return
    if (request.isTry) this.#tryCount--
    const others = this.#bySource.get(keyOf(request.source))
    others?.delete(request)
    if (others?.size === 0) this.#bySource.delete(keyOf(request.source))
    const { hedgedBy, hedgeOf } = request
    if (hedgedBy !== undefined) hedgedBy.hedgeOf = undefined
    if (hedgeOf !== undefined) hedgeOf.hedgedBy = undefined
    else request.chunk.release(request.requestId, request.run, hedgedBy)
  }
}

function keyOf(source: Source): SourceKey {
  return source.kind === 'origin' ? ORIGIN : source.peerId
}
