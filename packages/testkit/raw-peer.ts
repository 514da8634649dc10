// A peer that says just what a test tells it to, in frames or in raw bytes, from either side of a real connection.
// Not a peer: it checks nothing, answers nothing by itself, and may break every rule.
// Invariant: what the other side sent is kept in order, and waiting for a frame ends when it comes or the connection is gone.

import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import type { PeerId } from '@evastream/core/ids'
import { PeerFrameReader } from '@evastream/protocol/peer-frame-reader'
import { encodeDataHead, encodeFrame } from '@evastream/protocol/peer-frame-writer'
import { DATA_AUDIO_MAX_BYTES, type DataHead, type ForeignHello, type PeerFrame, type PeerRole } from '@evastream/protocol/peer-frames'

export interface ReceivedData {
  readonly kind: 'data'
  readonly head: DataHead
  readonly audio: Uint8Array
}

export type ReceivedFrame = PeerFrame | ForeignHello | ReceivedData
type FrameOf<K extends ReceivedFrame['kind']> = Extract<ReceivedFrame, { kind: K }>

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
