// The upload server: listens for peers that want chunks, and serves them what the store has verified.
// Not a downloader, and not the protocol: each connection is an UploadSession.
// Invariant: at most `uploadsMax` requests are in service over all connections, and nothing a stranger sends stops the server.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { KIB, MIB, type Millis, SECOND_MS } from '@evastream/core/units'
import { type ChunkNewsKind, GatheredNews, type SongNews } from '@evastream/engine/uploads/gathered-news'
import { UploadAdmission, type UploadWish } from '@evastream/engine/uploads/upload-admission'
import { UploadSlots } from '@evastream/engine/uploads/upload-slots'
import { UploadYield } from '@evastream/engine/uploads/upload-yield'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import { listenError } from '@evastream/service-kit/listen'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { type ChunkArrivals, noArrivals } from './download/chunk-arrivals.ts'
import { DeadlineTimer } from './download/wake-timer.ts'
import { ConnectionLimits } from './network/connection-limits.ts'
import type { PeerLink } from './network/peer-link.ts'
import { acceptTcpLink } from './network/tcp-link.ts'
import type { NodeLog } from './ports.ts'
import { ChunkBuffers } from './store/chunk-buffers.ts'
import { ChunkLoans, type ChunkReader, type LentChunk } from './store/chunk-loans.ts'
import { ByteBudget } from './upload/byte-budget.ts'
import { NewsFrames } from './upload/news-frames.ts'
import { UploadGate, type UploadQuota } from './upload/upload-gate.ts'
import type { UploadRequest } from './upload/upload-request.ts'
import { UploadSession, type UploadSessionOptions } from './upload/upload-session.ts'

/** Two at a time finish sooner than one, and more than a few only share the same uplink; each may hold a chunk in memory. */
export const DEFAULT_UPLOADS_MAX = 4
const TICK_MS = 250
/** How long a peer has to read our last frame and close. */
const FAREWELL_MS = 500

const defaultSessionOptions: Omit<UploadSessionOptions, 'peerId'> = Object.freeze({
  requestsMax: 16,
  subscriptionsMax: 256,
  helloTimeoutMs: 2 * SECOND_MS,
  silenceMaxMs: 2 * SECOND_MS,
  pingAfterMs: 15 * SECOND_MS,
  idleMaxMs: 30 * SECOND_MS,
  busyRetryAfterMs: SECOND_MS,
  relaysMax: 8,
  blockWaitMaxMs: 2 * SECOND_MS,
  relayRetryAfterMs: SECOND_MS / 4,
  farewellMs: FAREWELL_MS,
  backlogMaxBytes: 4 * MIB + 256 * KIB,
})

export interface UploadServerDeps {
  readonly store: ChunkReader
  /** Absent: none can be handed on before it is stored. */
  readonly arrivals?: ChunkArrivals
  /** Shared with whoever receives chunks; absent: its own. */
  readonly buffers?: ChunkBuffers
  readonly clock: Clock
  readonly timers: Timers
  readonly log: NodeLog
  /** Audio handed to the network, as it happens. */
  readonly onBytesSent?: (sizeBytes: number) => void
  /** Audio that its receiver acknowledged: what the uplink has carried, not what lies in buffers before it. */
  readonly onBytesDelivered?: (sizeBytes: number) => void
  /** Something is being sent from now on, or nothing is. */
  readonly onBusy?: (isBusy: boolean) => void
  /** What the uplink has proven to carry, if that is known. Absent: nobody is refused for what others are owed. */
  readonly uplinkBytesPerSecond?: () => number | undefined
  /** Shared with whoever dials; absent: its own, with the defaults. */
  readonly limits?: ConnectionLimits
  /** Absent: none. */
  readonly quota?: UploadQuota | undefined
  /** The least music that a reader of this node has ahead, in ms; uploads wait while it is little. Absent: nobody listens here. */
  readonly bufferMs?: () => number | undefined
  /** The quota is exhausted, and nobody should count on this node; or it is renewed. */
  readonly onUploadingChanged?: (isUploading: boolean) => void
}

export interface UploadServerOptions extends Partial<Omit<UploadSessionOptions, 'peerId'>> {
  readonly peerId: PeerId
  readonly host?: string
  /** Absent or 0: any free one. */
  readonly port?: number
  /** The flag that chooses the port, for the message when it is taken. */
  readonly portFlag?: string
  readonly uploadsMax?: number
  /** Over all connections; absent or 0: no limit. */
  readonly uploadLimitBytesPerSecond?: number
}

export interface UploadSnapshot {
  readonly connectionCount: number
  readonly inServiceCount: number
  readonly waitingCount: number
  /** What waits in our memory for receivers to take it. */
  readonly bufferedBytes: number
}

export class UploadServer {
  readonly #deps: UploadServerDeps
  readonly #options: UploadServerOptions
  readonly #slots: UploadSlots<UploadRequest>
  readonly #admission = new UploadAdmission()
  readonly #gate: UploadGate
  readonly #sessions = new Set<UploadSession>()
  readonly #limits: ConnectionLimits
  readonly #buffers: ChunkBuffers
  readonly #loans: ChunkLoans
  readonly #news = new GatheredNews()
  readonly #newsTimer: DeadlineTimer
  #server: Server | undefined
  /** The quota is exhausted, and everybody has been told. */
  #isClosed = false
  #stopTicking: () => void = () => undefined
  /** Told when the last session is gone. */
  #emptied: () => void = () => undefined

  constructor(deps: UploadServerDeps, options: UploadServerOptions) {
    this.#deps = deps
    this.#options = options
    this.#gate = makeGate(deps, { ...options, onExhausted: () => this.#followQuota() })
    this.#slots = new UploadSlots(
      {
        granted: request => request.owner.serve(request),
        displaced: request => request.owner.displaced(request),
        busy: isBusy => deps.onBusy?.(isBusy),
      },
      { slotsMax: options.uploadsMax ?? DEFAULT_UPLOADS_MAX },
    )
    this.#buffers = deps.buffers ?? new ChunkBuffers()
    this.#loans = new ChunkLoans({ store: deps.store, buffers: this.#buffers })
    this.#limits = deps.limits ?? new ConnectionLimits()
    this.#newsTimer = new DeadlineTimer({ ...deps, wake: () => this.#tellNews() })
  }

  /** The port in use; 0 when not listening. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? 0
  }

  /** @returns the port. @throws EvaError `EVA_PORT_TAKEN`, `EVA_PORT_FORBIDDEN` or `EVA_HOST_UNAVAILABLE` */
  async start(): Promise<number> {
    const { host = '127.0.0.1', port = 0, portFlag = '--peer.port' } = this.#options
    const server = createServer({ noDelay: true }, socket => this.#accept(socket))
    server.maxConnections = this.#limits.acceptedMax * 2
    server.listen({ host, port })
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw await listenError(cause, { host, port, portFlag })
    }
    server.on('error', error => this.#deps.log.warn({ error }, 'a connection could not be accepted'))
    this.#server = server
    this.#followQuota()
    this.#stopTicking = this.#deps.timers.every(TICK_MS, () => this.#tick())
    return this.port
  }

  /** Says goodbye to every peer and closes; open requests end with their connections. May be started again. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    this.#tellNews()
    const closed = once(server, 'close')
    server.close()
    for (const session of this.#sessions) session.leave()
    await closed
    if (this.#sessions.size > 0)
      await new Promise<void>(resolve => {
        this.#emptied = resolve
      })
    this.#stopTicking()
    this.#tellNews()
  }

  /** A chunk that was stored just now, and need not be read again while somebody may ask for it. */
  lend(songId: SongId, chunkId: ChunkId, chunk: LentChunk): void {
    if (this.#sessions.size > 0) this.#loans.lend(songId, chunkId, chunk)
    else if (chunk.isSole) this.#buffers.give(chunk.bytes)
  }

  announceHave(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#note('have', songId, chunkIds)
  }

  /** Some blocks of these can be had here, or more than before; later they are held, or lacked. */
  announceArriving(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#note('arriving', songId, chunkIds)
  }

  announceLack(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#tellNews()
    for (const session of this.#sessions) session.announce('unhave', songId, chunkIds)
  }

  /** What was asked of this node and has not arrived yet. */
  get owedBytes(): number {
    let sum = 0
    for (const session of this.#sessions) sum += session.owedBytes
    return sum
  }

  snapshot(): UploadSnapshot {
    const sessions = [...this.#sessions]
    return {
      connectionCount: sessions.length,
      inServiceCount: this.#slots.inServiceCount,
      waitingCount: this.#slots.waitingCount,
      bufferedBytes: sessions.reduce((sum, session) => sum + session.bufferedBytes, 0),
    }
  }

  #accept(socket: Socket): void {
    const link = acceptTcpLink(socket)
    if (this.#server !== undefined && this.#limits.enter(link.remoteHost)) this.#open(link)
    else this.#turnAway(link)
  }

  #open(link: PeerLink): void {
    const { arrivals = noArrivals, clock, log, onBytesSent = () => undefined, onBytesDelivered = () => undefined } = this.#deps
    const onChunkLost = (songId: SongId, chunkId: ChunkId) => this.announceLack(songId, [chunkId])
    const host = link.remoteHost
    const onClosed = (one: UploadSession) => {
      this.#sessions.delete(one)
      this.#limits.leave(host)
      if (this.#sessions.size === 0) this.#emptied()
    }
    const [store, slots, gate] = [this.#loans, this.#slots, this.#gate]
    const refusalMs = (wish: UploadWish) => this.#refusalMs(wish)
    const session = new UploadSession(
      { link, store, arrivals, slots, gate, clock, log, refusalMs, onBytesSent, onBytesDelivered, onChunkLost, onClosed },
      { ...defaultSessionOptions, ...this.#options },
    )
    this.#sessions.add(session)
    link.listen(session)
  }

  #refusalMs(wish: UploadWish): number | undefined {
    const { uplinkBytesPerSecond } = this.#deps
    if (uplinkBytesPerSecond === undefined) return undefined
    return this.#admission.refusalMs(wish, { owedBytes: this.owedBytes, rateBytesPerSecond: uplinkBytesPerSecond() })
  }

  #turnAway(link: PeerLink): void {
    const { log, timers } = this.#deps
    const { busyRetryAfterMs = defaultSessionOptions.busyRetryAfterMs } = this.#options
    log.debug({ host: link.remoteHost }, 'a connection too many')
    const cancel = timers.after(FAREWELL_MS, () => link.destroy())
    link.listen({ opened: () => undefined, received: () => undefined, drained: () => undefined, closed: cancel })
    link.send(encodeFrame({ kind: 'reject', handle: 0, requestId: 0, code: 'busy', version: 0, retryAfterMs: busyRetryAfterMs }))
    link.end()
  }

  /** While nothing may be uploaded, open requests end, and the other side is told that there is nothing to be had. */
  #followQuota(): void {
    const { closedForMs } = this.#gate
    const isClosed = closedForMs > 0
    if (isClosed) for (const session of this.#sessions) session.endRequests(closedForMs)
    if (isClosed === this.#isClosed) return
    this.#isClosed = isClosed
    this.#tellNews()
    for (const session of this.#sessions) session.announceAll(isClosed ? 'unhave' : 'have')
    this.#deps.onUploadingChanged?.(!isClosed)
  }

  /** There is somebody to tell, and something to be had. */
  get #isHeard(): boolean {
    return !this.#isClosed && this.#sessions.size > 0
  }

  #note(kind: ChunkNewsKind, songId: SongId, chunkIds: readonly ChunkId[]): void {
    if (!this.#isHeard) return
    this.#news.note(kind, songId, chunkIds)
    const { dueAt } = this.#news
    if (dueAt <= this.#deps.clock.now()) this.#tellNews()
    else this.#newsTimer.wakeAt(dueAt)
  }

  /** What was noted and waits for its time, now. */
  #tellNews(): void {
    this.#newsTimer.wakeAt(undefined)
    for (const news of this.#news.take(this.#deps.clock.now())) this.#tell(news)
  }

  /** Of arriving chunks the blocks that are here by now; what was stored or given up meanwhile is told as that. */
  #tell({ songId, held, arriving }: SongNews): void {
    const { arrivals = noArrivals } = this.#deps
    const chunks: ArrivingChunk[] = []
    for (const chunkId of arriving) {
      const blocks = arrivals.arrivingBlocks(songId, chunkId)
      if (blocks.length > 0) chunks.push({ chunkId, blocks })
    }
    const frames = new NewsFrames({ songId, held, arriving: chunks })
    for (const session of this.#sessions) session.announceNews(frames)
  }

  #tick(): void {
    const now = this.#deps.clock.now()
    this.#followQuota()
    for (const session of this.#sessions) session.tick(now)
    this.#slots.review()
  }
}

interface GateOptions {
  readonly uploadLimitBytesPerSecond?: number
  readonly onExhausted: () => void
}

function makeGate(deps: UploadServerDeps, { uploadLimitBytesPerSecond = 0, onExhausted }: GateOptions): UploadGate {
  const { clock, timers, quota, bufferMs = () => undefined } = deps
  const uploadYield = new UploadYield()
  const yieldMs = (now: Millis) => uploadYield.waitMs(now, bufferMs())
  return new UploadGate({ clock, timers, budget: new ByteBudget(uploadLimitBytesPerSecond), quota, yieldMs, onExhausted })
}
