// The uploader's end of one connection: the hello, the songs subscribed to, staying and leaving.
// Not the requests (upload-desk), nor the sending of audio (upload-pump).
// Invariant: what a stranger gets wrong is a debug line and a closed connection, and what waits for one that does not read is bounded.

import { toEvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { UploadSlots } from '@evastream/engine/uploads/upload-slots'
import { PeerFrameReader } from '@evastream/protocol/peer-frame-reader'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import {
  type ForeignHello,
  type Have,
  type Hello,
  type PeerFrame,
  PROTOCOL_VERSION,
  protocolError,
  type RejectCode,
  type Subscribe,
} from '@evastream/protocol/peer-frames'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { ChunkArrivals } from '../download/chunk-arrivals.ts'
import type { PeerLink, PeerLinkListener } from '../network/peer-link.ts'
import type { NodeLog } from '../ports.ts'
import type { ChunkLoans } from '../store/chunk-loans.ts'
import { bitfieldParts } from './bitfield-parts.ts'
import { haveFrames, NewsFrames } from './news-frames.ts'
import { UploadDesk, type UploadDeskDeps, type UploadDeskOptions } from './upload-desk.ts'
import type { UploadGate } from './upload-gate.ts'
import { UploadPump, type UploadPumpDeps } from './upload-pump.ts'
import type { UploadRequest } from './upload-request.ts'

export interface UploadSessionDeps {
  readonly link: PeerLink
  readonly store: ChunkLoans
  readonly arrivals: ChunkArrivals
  readonly slots: UploadSlots<UploadRequest>
  readonly gate: UploadGate
  readonly clock: Clock
  readonly log: NodeLog
  readonly refusalMs: UploadDeskDeps['refusalMs']
  readonly onBytesSent: UploadPumpDeps['onBytesSent']
  readonly onBytesDelivered: UploadPumpDeps['onBytesDelivered']
  readonly onChunkLost: (songId: SongId, chunkId: ChunkId) => void
  readonly onClosed: (session: UploadSession) => void
}

export interface UploadSessionOptions extends UploadDeskOptions {
  readonly peerId: PeerId
  readonly subscriptionsMax: number
  readonly helloTimeoutMs: number
  readonly pingAfterMs: number
  readonly idleMaxMs: number
  /** How long the other side has to read the last frame and close. */
  readonly farewellMs: number
  /** What may wait for a receiver that does not read, before it is closed: a frame of audio and then some. */
  readonly backlogMaxBytes: number
}

export class UploadSession implements PeerLinkListener {
  readonly #deps: UploadSessionDeps
  readonly #options: UploadSessionOptions
  readonly #reader: PeerFrameReader
  readonly #songs = new Map<number, SongId>()
  #pump: UploadPump | undefined
  /** There is none before the hello. */
  #desk: UploadDesk | undefined
  #closingSince: Millis | undefined
  #lastHandle = 0
  /** Before the hello: when the connection was made. */
  #heardAt: Millis
  #hasPinged = false

  constructor(deps: UploadSessionDeps, options: UploadSessionOptions) {
    this.#deps = deps
    this.#options = options
    this.#heardAt = deps.clock.now()
    const none = () => undefined
    this.#reader = new PeerFrameReader(
      { frameRead: frame => this.#frameRead(frame), dataStarted: none, dataRead: none, dataEnded: none },
      { sender: 'dialer' },
    )
  }

  /** What was asked for over this connection and has not arrived yet. */
  get owedBytes(): number {
    return this.#desk?.owedBytes ?? 0
  }

  get bufferedBytes(): number {
    return this.#deps.link.bufferedBytes
  }

  opened(): void {
    this.#deps.log.debug({ host: this.#deps.link.remoteHost }, 'a peer connected')
  }

  received(bytes: Uint8Array): void {
    if (this.#closingSince !== undefined) return
    try {
      this.#reader.push(bytes)
    } catch (error) {
      const { code, message } = toEvaError(error)
      if (code !== 'EVA_PEER_PROTOCOL') throw error
      this.#destroyFor(message)
    }
    if (this.#desk !== undefined) this.#heardAt = this.#deps.clock.now()
    this.#hasPinged = false
  }

  drained(): void {
    this.#pump?.run()
  }

  closed(): void {
    this.#shut('the peer is gone')
    this.#deps.onClosed(this)
  }

  /** Tells a subscriber of the song what came or went. */
  announce(kind: Have['kind'], songId: SongId, chunkIds: readonly ChunkId[]): void {
    for (const [handle, song] of this.#songs) if (song === songId) for (const frame of haveFrames(kind, handle, chunkIds)) this.#send(frame)
  }

  /** Tells a subscriber of the song what is held from now on, and which blocks can be had of what is on its way. */
  announceNews(news: NewsFrames): void {
    for (const [handle, song] of this.#songs) if (song === news.songId) this.#sendEncoded(news.encodedFor(handle))
  }

  /** Everything held of every song subscribed to came, or went, at once. */
  announceAll(kind: 'have' | 'unhave'): void {
    const { store, arrivals } = this.#deps
    for (const songId of [...this.#songs.values()]) {
      const arriving = arrivals.arrivingChunks(songId)
      const arrivingIds = arriving.map(({ chunkId }) => chunkId)
      const held = store.heldChunks(songId)
      if (kind === 'have') this.announceNews(new NewsFrames({ songId, held, arriving }))
      else this.announce(kind, songId, [...held, ...arrivingIds])
    }
  }

  /** This node uploads nothing for now: open requests end, and the connection stays. */
  endRequests(retryAfterMs: number): void {
    this.#desk?.endAll(retryAfterMs)
  }

  /** What only time can tell: a hello that does not come, a receiver that is silent, a peer that is gone. */
  tick(now: Millis): void {
    const { helloTimeoutMs, idleMaxMs, pingAfterMs, farewellMs } = this.#options
    const quietMs = now - this.#heardAt
    if (this.#closingSince !== undefined) {
      if (now - this.#closingSince >= farewellMs) this.#deps.link.destroy()
    } else if (this.#desk === undefined) {
      if (quietMs >= helloTimeoutMs) this.#destroyFor('no hello came in time')
    } else if (quietMs >= idleMaxMs) this.#destroyFor('the peer is silent')
    else {
      this.#desk.tick(now)
      if (quietMs >= pingAfterMs && !this.#hasPinged) {
        this.#hasPinged = true
        this.#send({ kind: 'ping', token: 0 })
      }
    }
  }

  /** Says goodbye; the ticks see to it that the connection ends. */
  leave(): void {
    if (this.#desk !== undefined) this.#send({ kind: 'bye' })
    this.#endFor('this peer is leaving')
  }

  #frameRead(frame: PeerFrame | ForeignHello): void {
    if (frame.kind === 'hello') this.#welcome(frame)
    else if (frame.kind === 'foreign-hello') this.#refuseVersion(frame)
    else if (frame.kind === 'subscribe') this.#subscribe(frame)
    else if (frame.kind === 'unsubscribe') this.#songs.delete(this.#given(frame.handle))
    else if (frame.kind === 'request') this.#desk?.take(frame, this.#songs.get(this.#given(frame.handle)))
    else if (frame.kind === 'ack') this.#desk?.acknowledge(frame)
    else if (frame.kind === 'cancel') this.#desk?.cancel(frame.requestId)
    else if (frame.kind === 'ping') this.#send({ kind: 'pong', token: frame.token })
    else if (frame.kind === 'bye') this.#endFor('the peer said goodbye')
  }

  #welcome({ dataBytesMax, peerId }: Hello): void {
    const { link, clock, gate, onBytesSent, onBytesDelivered, log, onChunkLost, refusalMs, store, arrivals, slots } = this.#deps
    const { requestsMax, subscriptionsMax } = this.#options
    const onShort = (request: UploadRequest) => this.#desk?.ranShort(request)
    const pump = new UploadPump({ link, clock, gate, onBytesSent, onBytesDelivered, onShort }, { dataBytesMax })
    const closedForMs = () => gate.closedForMs
    const reject = (requestId: number, code: RejectCode, retryAfterMs?: number) => this.#reject({ requestId }, code, retryAfterMs)
    const onBroken = (reason: string) => this.#destroyFor(reason)
    const onChunkAbsent = (songId: SongId, chunkId: ChunkId) => this.announce('unhave', songId, [chunkId])
    this.#pump = pump
    this.#desk = new UploadDesk(
      { pump, store, arrivals, slots, clock, log, reject, closedForMs, refusalMs, onBroken, onChunkAbsent, onChunkLost },
      this.#options,
    )
    this.#send({ kind: 'hello-ok', requestsMax, subscriptionsMax, peerId: this.#options.peerId })
    log.debug({ host: link.remoteHost, peerId }, 'a peer said hello')
  }

  #refuseVersion({ version }: ForeignHello): void {
    this.#deps.log.info({ host: this.#deps.link.remoteHost, version, supported: PROTOCOL_VERSION }, 'a peer speaks another version')
    this.#send({ kind: 'reject', handle: 0, requestId: 0, code: 'version', version: PROTOCOL_VERSION, retryAfterMs: 0 })
    this.#endFor('another version')
  }

  #subscribe({ handle, songId }: Subscribe): void {
    if (handle <= this.#lastHandle) throw protocolError('a handle that does not grow')
    if ([...this.#songs.values()].includes(songId)) throw protocolError('a song subscribed to twice')
    this.#lastHandle = handle
    if (this.#songs.size >= this.#options.subscriptionsMax) this.#reject({ handle }, 'busy')
    else {
      this.#songs.set(handle, songId)
      const { gate, store, arrivals } = this.#deps
      const isClosed = gate.closedForMs > 0
      for (const part of bitfieldParts(handle, isClosed ? [] : store.heldChunks(songId))) this.#send(part)
      if (!isClosed) this.announceNews(new NewsFrames({ songId, held: [], arriving: arrivals.arrivingChunks(songId) }))
    }
  }

  #given(handle: number): number {
    if (handle > this.#lastHandle) throw protocolError('a handle that was never given')
    return handle
  }

  #reject(what: { readonly handle?: number; readonly requestId?: number }, code: RejectCode, retryAfterMs?: number): void {
    const comeBackMs = code === 'busy' ? (retryAfterMs ?? this.#options.busyRetryAfterMs) : 0
    this.#send({ kind: 'reject', handle: 0, requestId: 0, ...what, code, version: 0, retryAfterMs: comeBackMs })
  }

  #send(frame: PeerFrame): void {
    this.#sendEncoded([encodeFrame(frame)])
  }

  #sendEncoded(frames: readonly Uint8Array[]): void {
    if (this.#closingSince !== undefined || frames.length === 0) return
    if (this.bufferedBytes > this.#options.backlogMaxBytes) this.#destroyFor('the peer asks and does not read')
    else this.#deps.link.send(...frames)
  }

  #destroyFor(reason: string): void {
    this.#shut(reason)
    this.#deps.link.destroy()
  }

  #endFor(reason: string): void {
    this.#shut(reason)
    this.#deps.link.end()
  }

  #shut(reason: string): void {
    if (this.#closingSince !== undefined) return
    this.#closingSince = this.#deps.clock.now()
    this.#deps.log.debug({ host: this.#deps.link.remoteHost, reason }, 'a connection ends')
    this.#reader.stop()
    this.#songs.clear()
    this.#desk?.close()
  }
}
