// What follows from a failure: who is left alone, who is not asked for that chunk again, who is out.
// Not the detection of failures (request-watch, the coordinator). Whom a code blames is read from the error table.
// Invariant: nobody is banned for slowness or for what the origin, this machine or the manifest did; whatever failed, the same
// source is not asked for the same chunk again at once.

import { ERROR_TABLE, type ErrorRow } from '@evastream/core/error-table'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId } from '@evastream/core/ids'
import type { EngineState } from '../engine-state.ts'
import { isWaiting } from '../requests/relay-waits.ts'
import type { RequestDesk } from '../requests/request-desk.ts'
import type { OpenRequest } from '../requests/request-table.ts'
import type { SongState } from '../songs/song-state.ts'

export class BlameDesk {
  readonly #state: EngineState
  readonly #desk: RequestDesk

  constructor(deps: { readonly state: EngineState; readonly desk: RequestDesk }) {
    this.#state = deps.state
    this.#desk = deps.desk
  }

  /** A request failed with a code. */
  requestFailed(request: OpenRequest, code: ErrorCode, retryAfterMs?: number): void {
    const wasWaiting = isWaiting(this.#state, request)
    this.#desk.failed(request)
    if (request.source.kind === 'origin') this.#originFailed(request, code, retryAfterMs)
    // It has what was asked for, and too much to do: what it told of is true still.
    else if (code === 'EVA_PEER_BUSY' && !wasWaiting) this.#state.health.busy(request.source.peerId, this.#state.now, retryAfterMs)
    else this.#peerFailed(request.source.peerId, { request, code, retryAfterMs })
  }

  /**
   * A request was waited for longer than could be expected of its source. What was asked of the same peer after it, and has not begun
   * to come, would only be waited for in vain as well.
   */
  requestTimedOut(request: OpenRequest): void {
    const { now, origin, health, requests, peers } = this.#state
    const { source } = request
    this.#desk.cancel(request, 'timed-out')
    if (source.kind === 'origin') {
      origin.timedOut(now, request.askedAt)
      return
    }
    health.timedOut(source.peerId, now)
    peers.arrivalFailed(request.song.songId, source.peerId, request.chunk.chunkId)
    request.song.markPeer(request.chunk.chunkId, source.peerId, now)
    for (const later of requests.ofPeer(source.peerId)) {
      if (later.requestId < request.requestId || later.receivedBytes > 0) continue
      this.#desk.cancel(later, 'timed-out')
      later.song.markPeer(later.chunk.chunkId, source.peerId, now)
    }
  }

  /** What a request still lacked goes to a source that is sooner. If it had fallen silent, its peer is left alone for a moment. */
  requestMoved(request: OpenRequest, wasSilent: boolean): void {
    const { now, health, origin, peers } = this.#state
    const { source, song, chunk } = request
    this.#desk.cancel(request, 'superseded')
    if (!wasSilent) return
    if (source.kind === 'origin') {
      origin.wasSilent()
      return
    }
    health.wasSilent(source.peerId)
    health.failed(source.peerId, now)
    peers.arrivalFailed(song.songId, source.peerId, chunk.chunkId)
    song.markPeer(chunk.chunkId, source.peerId, now)
  }

  /** A connection ended: its open requests go to others at once. */
  peerLost(peerId: PeerId, code: ErrorCode): void {
    const { health, now, requests, peers } = this.#state
    for (const request of requests.ofPeer(peerId)) this.#desk.failed(request)
    if (isBannable(code)) this.banPeer(peerId, code)
    else {
      if (isSignOfDeath(code)) this.#report(peerId, code)
      health.failed(peerId, now)
      peers.remove(peerId)
    }
  }

  banPeer(peerId: PeerId, code: ErrorCode): void {
    const { health, now, requests, peers } = this.#state
    for (const request of requests.ofPeer(peerId)) this.#desk.cancel(request, 'superseded')
    peers.remove(peerId)
    if (health.isBanned(peerId, now)) return
    this.#state.emit({ kind: 'ban-peer', peerId, code, durationMs: health.ban(peerId, now) })
  }

  /** A whole chunk that the origin sent does not match its hash. */
  originSentBadChunk(song: SongState, chunkId: ChunkId): void {
    const { now, origin } = this.#state
    origin.failed(now, now)
    song.pauseAtOrigin(chunkId, now)
  }

  /** The tracker goes on naming a peer that died until somebody says so. */
  #report(peerId: PeerId, code: ErrorCode): void {
    const { health, now, config, hasLeases } = this.#state
    const record = health.recordOf(peerId)
    if (!hasLeases || now < record.reportedAt + config.reportPauseMs) return
    record.reportedAt = now
    this.#state.emit({ kind: 'report-peer', peerId, code })
  }

  #originFailed(request: OpenRequest, code: ErrorCode, retryAfterMs: number | undefined): void {
    const { now, origin } = this.#state
    const { song, chunk, askedAt } = request
    // A chunk that is missing or wrong there is that chunk's trouble: the others need not wait for it.
    if (code === 'EVA_ORIGIN_CHUNK_MISSING') {
      song.pauseAtOrigin(chunk.chunkId, now)
      origin.lacked(now, askedAt)
      return
    }
    if (isAboutBytes(code)) song.pauseAtOrigin(chunk.chunkId, now)
    if (code === 'EVA_ORIGIN_OVERLOADED') origin.overloaded(now, askedAt, retryAfterMs)
    else origin.failed(now, askedAt, retryAfterMs)
  }

  #peerFailed(
    peerId: PeerId,
    failure: { readonly request: OpenRequest; readonly code: ErrorCode; readonly retryAfterMs: number | undefined },
  ): void {
    const { now, health, peers } = this.#state
    const { request, code, retryAfterMs } = failure
    const { song, chunk } = request
    peers.arrivalFailed(song.songId, peerId, chunk.chunkId)
    if (code === 'EVA_PEER_BUSY') {
      health.busy(peerId, now, retryAfterMs)
      return
    }
    if (isBannable(code)) {
      this.banPeer(peerId, code)
      return
    }
    song.markPeer(chunk.chunkId, peerId, now)
    if (code === 'EVA_PEER_CHUNK_MISSING') {
      peers.lacks(song.songId, peerId, [chunk.chunkId])
      health.lacked(peerId, now)
    } else health.failed(peerId, now)
  }
}

/** A peer whose fault will not pass by itself is out: bad bytes, a broken protocol, a version or address that cannot be spoken to. */
function isBannable(code: ErrorCode): boolean {
  const row = rowOf(code)
  return row?.blames === 'peer' && !row.retryable
}

/** Nobody is there: not just a connection that ended. */
function isSignOfDeath(code: ErrorCode): boolean {
  return code === 'EVA_PEER_UNREACHABLE' || code === 'EVA_PEER_TIMEOUT'
}

function isAboutBytes(code: ErrorCode): boolean {
  return code === 'EVA_ORIGIN_HASH_MISMATCH' || code === 'EVA_BLOCK_HASH_MISMATCH' || code === 'EVA_CHUNK_HASH_MISMATCH'
}

/** Undefined for a code that this version does not know. */
function rowOf(code: ErrorCode): ErrorRow | undefined {
  return ERROR_TABLE[code]
}
