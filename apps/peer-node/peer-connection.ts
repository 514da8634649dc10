// The downloader's end of one connection: dials, greets, subscribes, stays and leaves. A source of chunks.
// Not the fetches (fetch-desk), not the choice of peers (peer-network), not hashes (the coordinator).
// Invariant: nothing but a HELLO is sent before the expected peer has answered, and once the connection is closed,
// for whatever reason, every fetch has been rejected and the listener told once.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { assert } from '@evastream/core/assert'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockRunLengthBytes, type SongShape } from '@evastream/core/manifest'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import { PeerFrameReader } from '@evastream/protocol/peer-frame-reader'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import {
  type Arriving,
  DATA_AUDIO_MAX_BYTES,
  type ForeignHello,
  type Have,
  type HelloOk,
  type PeerFrame,
  PROTOCOL_VERSION,
  protocolError,
  type Reject,
} from '@evastream/protocol/peer-frames'
import type { Clock } from '@evastream/service-kit/system-clock'
import { busyError, FetchDesk } from './network/fetch-desk.ts'
import type { PeerLink, PeerLinkListener } from './network/peer-link.ts'
import type { BlockRequest, ChunkSource } from './ports.ts'
import { FollowedSongs } from './upload/followed-songs.ts'

export interface PeerConnectionListener {
  opened(): void
  songListed(songId: SongId, chunkIds: readonly ChunkId[]): void
  songGained(songId: SongId, chunkIds: readonly ChunkId[]): void
  songShrunk(songId: SongId, chunkIds: readonly ChunkId[]): void
  /** These blocks of the chunks can be had there, and each further one as it comes; replaces what was told of these chunks. */
  songArriving(songId: SongId, chunks: readonly ArrivingChunk[]): void
  bytesWasted(sizeBytes: number): void
  /** Once; open fetches have been rejected with the same error. */
  closed(error: EvaError): void
}

export interface PeerConnectionDeps {
  readonly link: PeerLink
  readonly clock: Clock
  readonly listener: PeerConnectionListener
  /** Judges the address the socket really reached. */
  readonly mayReach: (host: string) => boolean
}

export interface PeerConnectionOptions {
  /** Who is expected to answer. */
  readonly peerId: PeerId
  readonly ownPeerId: PeerId
  readonly connectTimeoutMs?: number
  readonly helloTimeoutMs?: number
  readonly pingAfterMs?: number
  readonly idleMaxMs?: number
}

const DEFAULT_CONNECT_TIMEOUT_MS = 2 * SECOND_MS
const DEFAULT_HELLO_TIMEOUT_MS = 2 * SECOND_MS
const DEFAULT_PING_AFTER_MS = 15 * SECOND_MS
const DEFAULT_IDLE_MAX_MS = 30 * SECOND_MS

export class PeerConnection implements ChunkSource, PeerLinkListener {
  readonly #deps: PeerConnectionDeps
  readonly #options: PeerConnectionOptions
  readonly #reader: PeerFrameReader
  readonly #songs = new FollowedSongs()
  readonly #desk: FetchDesk
  #state: 'dialling' | 'greeting' | 'open' | 'closed' = 'dialling'
  #failure: EvaError | undefined
  /** When the present state began, and later when anything was heard last. */
  #heardAt: Millis
  #hasPinged = false

  constructor(deps: PeerConnectionDeps, options: PeerConnectionOptions) {
    const { clock, listener } = deps
    this.#deps = deps
    this.#options = options
    this.#heardAt = clock.now()
    this.#desk = new FetchDesk({
      clock,
      send: frame => this.#send(frame),
      handleOf: ({ songId, shape }) => this.#handleOf(songId, shape),
      onBytesWasted: sizeBytes => listener.bytesWasted(sizeBytes),
    })
    this.#reader = new PeerFrameReader(
      {
        frameRead: frame => this.#frameRead(frame),
        dataStarted: head => this.#desk.dataStarted(head),
        dataRead: bytes => this.#desk.dataRead(bytes),
        dataEnded: () => this.#desk.dataEnded(),
      },
      { sender: 'listener', dataBytesMax: DATA_AUDIO_MAX_BYTES },
    )
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Fetches that somebody waits for. */
  get openFetchCount(): number {
    return this.#desk.openCount
  }

  start(): void {
    this.#deps.link.listen(this)
  }

  /** To be called again once opened: before, there is nobody to tell. */
  follow(songId: SongId, shape: SongShape): void {
    if (this.isOpen) this.#handleOf(songId, shape)
  }

  unfollow(songId: SongId): void {
    const song = this.#songs.get(songId)
    if (song === undefined) return
    this.#songs.remove(song)
    this.#send({ kind: 'unsubscribe', handle: song.handle })
  }

  /** Before the hello is answered it waits. @throws EvaError `EVA_PEER_BUSY`, `EVA_PEER_CHUNK_MISSING`, `EVA_CANCELLED`, or why the connection ended */
  async fetchBlocks(request: BlockRequest, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void> {
    const { shape, chunkId, firstBlock, blockCount, target } = request
    assert(target.length === blockRunLengthBytes(shape, chunkId, firstBlock, blockCount), 'the target is as long as the run')
    if (signal.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
    if (this.#failure !== undefined) throw this.#failure
    await this.#desk.fetch(request, onBytes, signal)
  }

  /** Says goodbye and closes; open fetches end with `EVA_PEER_CLOSED`. */
  close(): void {
    if (this.isOpen) this.#send({ kind: 'bye' })
    this.#fail(new EvaError('EVA_PEER_CLOSED'))
  }

  tick(now: Millis): void {
    const quietMs = now - this.#heardAt
    const { connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, helloTimeoutMs = DEFAULT_HELLO_TIMEOUT_MS } = this.#options
    const { pingAfterMs = DEFAULT_PING_AFTER_MS, idleMaxMs = DEFAULT_IDLE_MAX_MS } = this.#options
    if (this.#state === 'dialling' && quietMs >= connectTimeoutMs) this.#fail(unreachable(`no answer within ${connectTimeoutMs} ms`))
    else if (this.#state === 'greeting' && quietMs >= helloTimeoutMs) this.#fail(new EvaError('EVA_PEER_TIMEOUT'))
    else if (this.isOpen && (quietMs >= idleMaxMs || this.#desk.hasUnendedCancel(now))) this.#fail(new EvaError('EVA_PEER_TIMEOUT'))
    else if (this.isOpen && quietMs >= pingAfterMs && !this.#hasPinged) {
      this.#hasPinged = true
      this.#send({ kind: 'ping', token: 0 })
    }
  }

  opened(): void {
    const { link, mayReach, clock } = this.#deps
    if (this.#state !== 'dialling') return
    this.#state = 'greeting'
    this.#heardAt = clock.now()
    if (mayReach(link.remoteHost)) this.#send({ kind: 'hello', dataBytesMax: DATA_AUDIO_MAX_BYTES, peerId: this.#options.ownPeerId })
    else this.#fail(new EvaError('EVA_PEER_ADDRESS_FORBIDDEN', { details: { host: link.remoteHost } }))
  }

  received(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes)
    } catch (error) {
      const known = toEvaError(error)
      if (known.code !== 'EVA_PEER_PROTOCOL') throw error
      this.#fail(known)
    }
    if (!this.isOpen) return
    this.#heardAt = this.#deps.clock.now()
    this.#hasPinged = false
    this.#desk.acknowledge(this.#heardAt)
  }

  drained(): void {
    // Nothing waits for room: what we send is small, and an uploader that does not read it is closed as idle.
  }

  closed(cause: unknown): void {
    if (this.#state === 'dialling') this.#fail(unreachable(reasonOf(cause), cause))
    else this.#fail(new EvaError('EVA_PEER_CLOSED', { cause }))
  }

  #frameRead(frame: PeerFrame | ForeignHello): void {
    if (frame.kind === 'hello-ok') this.#greeted(frame)
    else if (frame.kind === 'bitfield') {
      const listed = this.#songs.partRead(frame)
      if (listed !== undefined) this.#deps.listener.songListed(listed.song.songId, listed.chunkIds)
    } else if (frame.kind === 'have' || frame.kind === 'unhave') this.#changed(frame)
    else if (frame.kind === 'arriving') this.#arriving(frame)
    else if (frame.kind === 'reject') this.#rejected(frame)
    else if (frame.kind === 'ping') this.#send({ kind: 'pong', token: frame.token })
    else if (frame.kind === 'bye') this.#fail(new EvaError('EVA_PEER_CLOSED'))
  }

  #greeted({ peerId, requestsMax }: HelloOk): void {
    if (peerId !== this.#options.peerId) {
      // Whoever answers did nothing wrong, nor did the one we meant: only the address is old.
      this.#fail(new EvaError('EVA_PEER_UNREACHABLE', { details: { reason: 'another peer answered there', answeredBy: peerId } }))
      return
    }
    this.#state = 'open'
    this.#deps.listener.opened()
    this.#desk.open(requestsMax)
  }

  #changed(frame: Have): void {
    const { listener } = this.#deps
    const song = this.#songs.changeRead(frame)
    if (song === undefined) return
    if (frame.kind === 'have') listener.songGained(song.songId, frame.chunkIds)
    else listener.songShrunk(song.songId, frame.chunkIds)
  }

  #arriving(frame: Arriving): void {
    const song = this.#songs.arrivingRead(frame)
    if (song !== undefined) this.#deps.listener.songArriving(song.songId, frame.chunks)
  }

  #handleOf(songId: SongId, shape: SongShape): number | undefined {
    const known = this.#songs.get(songId)
    if (known !== undefined) return known.handle
    const song = this.#songs.add(songId, shape)
    if (song !== undefined) this.#send({ kind: 'subscribe', handle: song.handle, songId })
    return song?.handle
  }

  #rejected(frame: Reject): void {
    const { handle, requestId, code, version, retryAfterMs } = frame
    if (requestId !== 0) this.#desk.rejected(frame)
    else if (handle !== 0) this.#songs.refused(handle)
    else if (code === 'version') this.#fail(new EvaError('EVA_PEER_VERSION', { details: { version, supported: PROTOCOL_VERSION } }))
    else if (code === 'busy') this.#fail(busyError(retryAfterMs))
    else throw protocolError(`a connection rejected as ${code}`)
  }

  #send(frame: PeerFrame): void {
    if (this.#state !== 'closed') this.#deps.link.send(encodeFrame(frame))
  }

  #fail(error: EvaError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#failure = error
    this.#reader.stop()
    this.#deps.link.destroy()
    this.#desk.close(error)
    this.#deps.listener.closed(error)
  }
}

function unreachable(reason: string, cause?: unknown): EvaError {
  return new EvaError('EVA_PEER_UNREACHABLE', { details: { reason }, cause })
}

function reasonOf(cause: unknown): string {
  return String((cause as NodeJS.ErrnoException | undefined)?.code ?? 'the connection ended')
}
