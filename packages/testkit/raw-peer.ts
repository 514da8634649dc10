// A peer that says just what a test tells it to, in frames or in raw bytes, from either side of a real connection.
// Not a peer: it checks nothing, answers nothing by itself, and may break every rule.
// Invariant: what the other side sent is kept in order, and waiting for a frame ends when it comes or the connection is gone.

import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { assert } from '@evastream/core/assert'
import { EvaError } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import { PeerFrameReader } from '@evastream/protocol/peer-frame-reader'
import { encodeDataHead, encodeFrame } from '@evastream/protocol/peer-frame-writer'
import {
  DATA_AUDIO_MAX_BYTES,
  type DataHead,
  type ForeignHello,
  type PeerFrame,
  type PeerRole,
  type WirePriority,
} from '@evastream/protocol/peer-frames'

export interface ReceivedData {
  readonly kind: 'data'
  readonly head: DataHead
  readonly audio: Uint8Array
}

export type ReceivedFrame = PeerFrame | ForeignHello | ReceivedData
type FrameOf<K extends ReceivedFrame['kind']> = ReceivedFrame & { readonly kind: K }

/** A REQUEST with defaults for what a test does not care about: one block of chunk 0 of handle 1. */
export interface RawRequest {
  readonly requestId: number
  readonly chunkId?: number
  readonly handle?: number
  readonly firstBlock?: number
  readonly blockCount?: number
  readonly priority?: WirePriority
}

export class RawPeer {
  readonly socket: Socket
  /** Frames that no `next` has taken yet. */
  readonly received: ReceivedFrame[] = []
  readonly #news = new EventEmitter().setMaxListeners(0)
  #audio: Uint8Array[] = []
  #head: DataHead | undefined
  #isClosed = false

  constructor(socket: Socket, ownRole: PeerRole) {
    this.socket = socket
    const reader = new PeerFrameReader(
      {
        frameRead: frame => this.#keep(frame),
        dataStarted: head => {
          this.#head = head
          this.#audio = []
        },
        dataRead: bytes => this.#audio.push(bytes.slice()),
        dataEnded: () => this.#keep({ kind: 'data', head: this.#head as DataHead, audio: Buffer.concat(this.#audio) }),
      },
      { sender: ownRole === 'dialer' ? 'listener' : 'dialer' },
    )
    socket.on('data', bytes => reader.push(bytes))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#isClosed = true
      this.#news.emit('news')
    })
  }

  /** Connects and says nothing. */
  static async dial(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new RawPeer(socket, 'dialer')
  }

  /** Connects and is welcomed. */
  static async greet(port: number, dataBytesMax = DATA_AUDIO_MAX_BYTES): Promise<RawPeer> {
    const peer = await RawPeer.dial(port)
    peer.send({ kind: 'hello', dataBytesMax })
    await peer.next('hello-ok')
    return peer
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  send(...frames: readonly PeerFrame[]): void {
    this.socket.write(Buffer.concat(frames.map(encodeFrame)))
  }

  sendData(head: DataHead, audio: Uint8Array): void {
    this.socket.write(Buffer.concat([encodeDataHead(head), audio]))
  }

  /** Subscribes and waits for the bitfield. */
  async subscribe(songId: SongId, handle = 1): Promise<void> {
    this.send({ kind: 'subscribe', handle, songId })
    await this.next('bitfield')
  }

  ask({ requestId, chunkId = 0, handle = 1, firstBlock = 0, blockCount = 1, priority = 'prefetch' }: RawRequest): void {
    this.send({ kind: 'request', handle, requestId, chunkId, priority, firstBlock, blockCount })
  }

  /** All the audio of a request, each frame acknowledged. */
  async take({ requestId, blockCount = 1 }: RawRequest): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let blocksReceived = 0; blocksReceived < blockCount; ) {
      const { head, audio } = await this.next('data')
      assert(head.requestId === requestId, `data of request ${head.requestId} instead of ${requestId}`)
      parts.push(audio)
      blocksReceived += head.blockCount
      this.send({ kind: 'ack', requestId, blocksReceived })
    }
    return Buffer.concat(parts)
  }

  /** A round trip: whatever was sent before has been read and answered. */
  async settle(): Promise<void> {
    this.send({ kind: 'ping', token: 77 })
    await this.next('pong')
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.socket.write(bytes)
  }

  /** The first frame of this kind that was not taken yet. @throws EvaError `EVA_PEER_CLOSED` when none can come any more. */
  async next<K extends ReceivedFrame['kind']>(kind: K): Promise<FrameOf<K>> {
    for (;;) {
      const index = this.received.findIndex(frame => frame.kind === kind)
      if (index !== -1) return this.received.splice(index, 1)[0] as FrameOf<K>
      if (this.#isClosed) throw new EvaError('EVA_PEER_CLOSED', { cause: `no ${kind} came` })
      await once(this.#news, 'news')
    }
  }

  /** Resolves when the connection is gone. */
  async closed(): Promise<void> {
    while (!this.#isClosed) await once(this.#news, 'news')
  }

  close(): void {
    this.socket.destroy()
  }

  #keep(frame: ReceivedFrame): void {
    this.received.push(frame)
    this.#news.emit('news')
  }
}

/** The listening side: whoever dials is handed to the test, in order. */
export class RawListener {
  readonly peerId: PeerId
  readonly #server: Server
  readonly #arrivals: RawPeer[] = []
  readonly #all: RawPeer[] = []
  readonly #news = new EventEmitter()

  private constructor(server: Server, peerId: PeerId) {
    this.#server = server
    this.peerId = peerId
    server.on('connection', socket => {
      const peer = new RawPeer(socket, 'listener')
      this.#arrivals.push(peer)
      this.#all.push(peer)
      this.#news.emit('news')
    })
  }

  static async start(peerId: string): Promise<RawListener> {
    const server = createServer({ noDelay: true })
    const listener = new RawListener(server, peerId as PeerId)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return listener
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections so far. */
  get acceptedCount(): number {
    return this.#all.length
  }

  /** The next connection, as it is. */
  async accept(): Promise<RawPeer> {
    for (;;) {
      const peer = this.#arrivals.shift()
      if (peer !== undefined) return peer
      await once(this.#news, 'news')
    }
  }

  /** The next connection, welcomed. */
  async welcome(limits: { readonly requestsMax?: number } = {}): Promise<RawPeer> {
    const peer = await this.accept()
    await peer.next('hello')
    peer.send({ kind: 'hello-ok', requestsMax: limits.requestsMax ?? 16, subscriptionsMax: 16, peerId: this.peerId })
    return peer
  }

  async close(): Promise<void> {
    for (const peer of this.#all) peer.close()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
