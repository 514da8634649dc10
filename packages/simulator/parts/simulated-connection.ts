// One connection from a peer that asks to a peer that serves: dialling, what each tells the other, and its end.
// Not a protocol test: frames and bytes on the wire are packages/protocol's business; here are their meanings and delays.
// Invariant: after `lost` or `ended` an end hears nothing more of the connection, and no flow of it goes on.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockRunLengthBytes } from '@evastream/core/manifest'
import type { PriorityClass } from '@evastream/engine/commands'
import type { VirtualClock } from '../virtual-clock.ts'
import { BlockFlow, type BlockRun, type SendingManner } from './block-flow.ts'
import { FIRST_FLIGHT_BYTES } from './http-lines.ts'
import type { Host, Parcel, SimulatedNetwork } from './simulated-network.ts'

export interface PeerRequest extends BlockRun {
  readonly songId: SongId
  readonly requestId: number
  readonly priority: PriorityClass
}

/** The end that dialled and asks for blocks. */
export interface AskingEnd {
  readonly host: Host
  opened(connection: SimulatedConnection): void
  listed(connection: SimulatedConnection, songId: SongId, chunkIds: readonly ChunkId[]): void
  has(connection: SimulatedConnection, songId: SongId, chunkId: ChunkId): void
  lacks(connection: SimulatedConnection, songId: SongId, chunkId: ChunkId): void
  arriving(connection: SimulatedConnection, songId: SongId, chunks: readonly ArrivingChunk[]): void
  received(requestId: number, parcel: Parcel): void
  rejected(requestId: number, code: ErrorCode, retryAfterMs?: number): void
  lost(connection: SimulatedConnection, code: ErrorCode): void
}

/** The end that was dialled and sends blocks. */
export interface ServingEnd {
  readonly host: Host
  readonly peerId: PeerId
  /** A process listens here; if not, dialling is refused at once. */
  readonly isListening: boolean
  /** It answers a hello. */
  readonly saysHello: boolean
  subscribed(connection: SimulatedConnection, songId: SongId): void
  asked(connection: SimulatedConnection, request: PeerRequest): void
  cancelled(connection: SimulatedConnection, requestId: number): void
  acknowledged(connection: SimulatedConnection, requestId: number): void
  ended(connection: SimulatedConnection): void
}

interface Sending {
  readonly flow: BlockFlow
  /** TCP is past its beginning. */
  isWarm: boolean
  isPaused: boolean
}

const DIAL_TIMEOUT_MS = 2000
/** How long until a silent line is noticed by PING. */
const PING_TIMEOUT_MS = 10_000

export class SimulatedConnection {
  readonly peerId: PeerId
  readonly asker: AskingEnd
  readonly server: ServingEnd
  isOpen = false
  readonly #clock: VirtualClock
  readonly #network: SimulatedNetwork
  readonly #sendings = new Map<number, Sending>()
  #isMute = false
  #warmAt: number | undefined
  #isOverForAsker = false
  #isOverForServer = false

  constructor(
    deps: { readonly clock: VirtualClock; readonly network: SimulatedNetwork },
    ends: { readonly asker: AskingEnd; readonly server: ServingEnd },
  ) {
    this.#clock = deps.clock
    this.#network = deps.network
    this.asker = ends.asker
    this.server = ends.server
    this.peerId = ends.server.peerId
  }

  /** The asking end is done with it; the serving end is, or will hear of it. */
  get isOver(): boolean {
    return this.#isOverForAsker
  }

  dial(isHostGone: boolean): void {
    const roundTripMs = 2 * this.#network.latencyMs(this.asker.host, this.server.host)
    if (isHostGone || this.#network.areApart(this.asker.host, this.server.host)) {
      this.#clock.after(DIAL_TIMEOUT_MS, () => this.#loseForAsker('EVA_PEER_UNREACHABLE'))
      return
    }
    this.#clock.after(roundTripMs, () => {
      if (!this.server.isListening) this.#loseForAsker('EVA_PEER_UNREACHABLE')
      else if (!this.server.saysHello) this.#clock.after(DIAL_TIMEOUT_MS, () => this.#loseForAsker('EVA_PEER_TIMEOUT'))
      else this.#clock.after(roundTripMs, () => this.#becomeOpen())
    })
  }

  // What the asking end does.

  subscribe(songId: SongId): void {
    this.#toServer(() => this.server.subscribed(this, songId))
  }

  ask(request: PeerRequest): void {
    this.#toServer(() => this.server.asked(this, request))
  }

  cancel(requestId: number): void {
    this.#toServer(() => {
      this.#stopFlow(requestId)
      this.server.cancelled(this, requestId)
    })
  }

  hangUp(): void {
    this.#isOverForAsker = true
    this.isOpen = false
    this.#stopFlows()
    this.#network.send(this.asker.host, this.server.host, () => this.#endForServer())
  }

  // What the serving end does.

  tellList(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#toAsker(() => this.asker.listed(this, songId, chunkIds))
  }

  tellHas(songId: SongId, chunkId: ChunkId): void {
    this.#toAsker(() => this.asker.has(this, songId, chunkId))
  }

  tellLacks(songId: SongId, chunkId: ChunkId): void {
    this.#toAsker(() => this.asker.lacks(this, songId, chunkId))
  }

  tellArriving(songId: SongId, chunks: readonly ArrivingChunk[]): void {
    this.#toAsker(() => this.asker.arriving(this, songId, chunks))
  }

  /** What was sent of the run before still arrives. */
  reject(requestId: number, code: ErrorCode, retryAfterMs?: number): void {
    this.pause(requestId)
    this.#sendings.delete(requestId)
    this.#toAsker(() => this.asker.rejected(requestId, code, retryAfterMs))
  }

  /** Starts sending a run; `onParcel` tells each part that arrived. */
  send(request: PeerRequest, manner: SendingManner, onParcel: (parcel: Parcel) => void): void {
    if (this.#isOverForServer || this.#isOverForAsker || this.#isMute) return
    const lastBlock = request.firstBlock + request.blockCount - 1
    const arrived = (parcel: Parcel) => {
      if (parcel.block === lastBlock) {
        this.#sendings.delete(request.requestId)
        this.#toServer(() => this.server.acknowledged(this, request.requestId))
      }
      onParcel(parcel)
      if (!this.#isOverForAsker) this.asker.received(request.requestId, parcel)
    }
    const ends = { from: this.server.host, to: this.asker.host, arrived }
    const flow = new BlockFlow({ ends }, { run: request, manner })
    const sending = { flow, isWarm: false, isPaused: false }
    this.#sendings.set(request.requestId, sending)
    this.#clock.after(this.#warmUpMs(request), () => {
      sending.isWarm = true
      if (!flow.isStopped && !sending.isPaused) this.#network.start(flow)
    })
  }

  /** A run waits: its slot went to another, or its next block is not there. */
  pause(requestId: number): void {
    const sending = this.#sendings.get(requestId)
    if (sending === undefined || sending.isPaused) return
    sending.isPaused = true
    this.#network.pause(sending.flow)
  }

  resume(requestId: number): void {
    const sending = this.#sendings.get(requestId)
    if (sending?.isPaused !== true) return
    sending.isPaused = false
    if (sending.isWarm && !sending.flow.isStopped) this.#network.start(sending.flow)
  }

  /** TCP begins slowly: the first run that is longer than the first flight takes a round trip more, and what follows waits behind it. */
  #warmUpMs({ shape, chunkId, firstBlock, blockCount }: PeerRequest): number {
    const now = this.#clock.now()
    if (this.#warmAt === undefined && blockRunLengthBytes(shape, chunkId, firstBlock, blockCount) <= FIRST_FLIGHT_BYTES) return 0
    this.#warmAt ??= now + 2 * this.#network.latencyMs(this.asker.host, this.server.host)
    return Math.max(0, this.#warmAt - now)
  }

  reset(code: ErrorCode = 'EVA_PEER_CLOSED'): void {
    this.#isOverForServer = true
    this.#stopFlows()
    this.#network.send(this.server.host, this.asker.host, () => this.#loseForAsker(code))
  }

  /** The line goes dead without a word (a power cut, a partition): each end notices when its pings stay unanswered. */
  goMute(): void {
    if (this.#isMute) return
    this.#isMute = true
    this.#stopFlows()
    this.#clock.after(PING_TIMEOUT_MS, () => {
      this.#loseForAsker('EVA_PEER_TIMEOUT')
      this.#endForServer()
    })
  }

  /** A reset in the middle: both ends lose it now. */
  breakNow(): void {
    this.#loseForAsker('EVA_PEER_CLOSED')
    this.#endForServer()
  }

  /** An end's process is gone: it hears nothing of this connection any more. */
  forgetEnd(end: 'asker' | 'server'): void {
    if (end === 'asker') this.#isOverForAsker = true
    else this.#isOverForServer = true
    this.#stopFlows()
  }

  #becomeOpen(): void {
    if (this.#isOverForAsker || this.#isOverForServer || this.#isMute) return
    this.isOpen = true
    this.asker.opened(this)
  }

  #toServer(deliver: () => void): void {
    if (this.#isMute || this.#isOverForAsker) return
    this.#network.send(this.asker.host, this.server.host, () => {
      if (!this.#isMute && !this.#isOverForServer) deliver()
    })
  }

  #toAsker(deliver: () => void): void {
    if (this.#isMute || this.#isOverForServer) return
    this.#network.send(this.server.host, this.asker.host, () => {
      if (!this.#isMute && !this.#isOverForAsker) deliver()
    })
  }

  #loseForAsker(code: ErrorCode): void {
    if (this.#isOverForAsker) return
    this.#isOverForAsker = true
    this.isOpen = false
    this.#stopFlows()
    this.asker.lost(this, code)
  }

  #endForServer(): void {
    if (this.#isOverForServer) return
    this.#isOverForServer = true
    this.#stopFlows()
    this.server.ended(this)
  }

  #stopFlow(requestId: number): void {
    const sending = this.#sendings.get(requestId)
    if (sending !== undefined) this.#network.stop(sending.flow)
    this.#sendings.delete(requestId)
  }

  #stopFlows(): void {
    for (const { flow } of this.#sendings.values()) this.#network.stop(flow)
    this.#sendings.clear()
  }
}
