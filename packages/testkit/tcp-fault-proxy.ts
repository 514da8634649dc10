// A TCP proxy on a free loopback port that a test can tell to be slow, to stall, to cut, to spoil a byte or to say nothing.
// Not a model of a network: real sockets on both sides, faults in between, counted in bytes so that they strike where the test says.
// Invariant: without faults every byte arrives once and in order, and at most QUEUE_MAX_BYTES of a direction wait here.

import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { scheduler } from 'node:timers/promises'

/** What befalls the bytes of one direction; byte counts run per connection, from 0. */
export interface DirectionFaults {
  readonly latencyMs?: number
  readonly bandwidthBytesPerSecond?: number
  /** Nothing past this many bytes is forwarded, until the faults are changed. */
  readonly stallAfterBytes?: number
  /** The connection ends after this many bytes, as `cut` says. Bytes before a reset may be lost with it. */
  readonly cutAfterBytes?: number
  readonly cut?: 'reset' | 'fin'
  /** This byte arrives with all its bits turned over. */
  readonly corruptByteAt?: number
  /** One byte at a time, with this pause after each. */
  readonly byteIntervalMs?: number
}

export interface TcpFaults {
  readonly toTarget?: DirectionFaults
  readonly toClient?: DirectionFaults
  /** Connections are accepted and nothing is ever said; the target hears nothing of them. */
  readonly isMute?: boolean
}

const QUEUE_MAX_BYTES = 1024 * 1024
const PACE_INTERVAL_MS = 5

export class TcpFaultProxy {
  readonly #server: Server
  readonly #targetPort: number
  readonly #sockets = new Set<Socket>()
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #faults: TcpFaults
  /** Connections accepted since the start. */
  acceptedCount = 0

  private constructor(server: Server, targetPort: number, faults: TcpFaults) {
    this.#server = server
    this.#targetPort = targetPort
    this.#faults = faults
  }

  static async start(targetPort: number, faults: TcpFaults = {}): Promise<TcpFaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const proxy = new TcpFaultProxy(server, targetPort, faults)
    server.on('connection', client => proxy.#accept(client))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get faults(): TcpFaults {
    return this.#faults
  }

  /** From now on, on present connections as well; what stalled goes on if nothing stops it any more. */
  setFaults(faults: TcpFaults): void {
    this.#faults = faults
    this.#changes.emit('change')
  }

  /** Resets every present connection on both sides, as a killed process does. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#changes.emit('change')
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    this.acceptedCount++
    this.#keep(client)
    if (this.#faults.isMute) return
    const target = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#keep(target)
    const [settled, changes] = [this.#settle, this.#changes]
    new FaultyPipe({ source: client, sink: target, changes }, () => this.#faults.toTarget ?? {}).run().then(settled, settled)
    new FaultyPipe({ source: target, sink: client, changes }, () => this.#faults.toClient ?? {}).run().then(settled, settled)
    client.once('close', () => target.destroy())
    target.once('close', () => client.destroy())
  }

  /** A pipe that failed has destroyed its sockets; that is all there is to do about it. */
  readonly #settle = (): void => undefined

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#changes.emit('change')
    })
  }
}

interface PipeEnds {
  readonly source: Socket
  readonly sink: Socket
  readonly changes: EventEmitter
}

class FaultyPipe {
  readonly #ends: PipeEnds
  readonly #faults: () => DirectionFaults
  readonly #queue: { readonly bytes: Uint8Array; readonly due: Promise<unknown> }[] = []
  #queuedBytes = 0
  #forwardedBytes = 0
  #hasEnded = false
  #isCut = false

  constructor(ends: PipeEnds, faults: () => DirectionFaults) {
    this.#ends = ends
    this.#faults = faults
  }

  async run(): Promise<void> {
    const { source, sink, changes } = this.#ends
    source.on('data', bytes => this.#take(bytes))
    source.once('end', () => {
      this.#hasEnded = true
      changes.emit('change')
    })
    while (!sink.destroyed && !this.#isCut) {
      const next = this.#queue.shift()
      if (next === undefined) {
        if (this.#hasEnded) return void sink.end()
        await once(changes, 'change')
        continue
      }
      await next.due
      await this.#forward(next.bytes)
      this.#queuedBytes -= next.bytes.length
      if (source.isPaused() && this.#queuedBytes < QUEUE_MAX_BYTES) source.resume()
    }
  }

  #take(bytes: Uint8Array): void {
    const { latencyMs = 0 } = this.#faults()
    this.#queue.push({ bytes, due: latencyMs > 0 ? scheduler.wait(latencyMs) : Promise.resolve() })
    this.#queuedBytes += bytes.length
    if (this.#queuedBytes >= QUEUE_MAX_BYTES) this.#ends.source.pause()
    this.#ends.changes.emit('change')
  }

  /** In slices that end where a fault strikes, so that faults are exact to the byte. */
  async #forward(bytes: Uint8Array): Promise<void> {
    const { sink, changes } = this.#ends
    for (let offset = 0; offset < bytes.length && !sink.destroyed; ) {
      const faults = this.#faults()
      if (faults.cutAfterBytes === this.#forwardedBytes) return this.#cut(faults)
      if (faults.stallAfterBytes !== undefined && faults.stallAfterBytes <= this.#forwardedBytes) {
        await once(changes, 'change')
        continue
      }
      const slice = bytes.slice(offset, offset + this.#sliceBytes(faults))
      const spoiled = (faults.corruptByteAt ?? -1) - this.#forwardedBytes
      if (spoiled >= 0 && spoiled < slice.length) slice[spoiled] = (slice[spoiled] as number) ^ 0xff
      offset += slice.length
      this.#forwardedBytes += slice.length
      if (!sink.write(slice)) await Promise.race([once(sink, 'drain'), once(sink, 'close')])
      await pause(faults)
    }
    const faults = this.#faults()
    if (faults.cutAfterBytes === this.#forwardedBytes) this.#cut(faults)
  }

  #sliceBytes({ bandwidthBytesPerSecond, stallAfterBytes, cutAfterBytes, byteIntervalMs }: DirectionFaults): number {
    const left = (limit: number | undefined) =>
      limit === undefined || limit <= this.#forwardedBytes ? Infinity : limit - this.#forwardedBytes
    const paced = bandwidthBytesPerSecond === undefined ? Infinity : Math.ceil((bandwidthBytesPerSecond * PACE_INTERVAL_MS) / 1000)
    return byteIntervalMs === undefined ? Math.min(paced, left(stallAfterBytes), left(cutAfterBytes)) : 1
  }

  #cut({ cut = 'reset' }: DirectionFaults): void {
    const { source, sink } = this.#ends
    this.#isCut = true
    if (cut === 'fin') return void sink.end(() => source.destroy())
    sink.resetAndDestroy()
    source.resetAndDestroy()
  }
}

async function pause({ bandwidthBytesPerSecond, byteIntervalMs }: DirectionFaults): Promise<void> {
  if (byteIntervalMs !== undefined) await scheduler.wait(byteIntervalMs)
  else if (bandwidthBytesPerSecond !== undefined) await scheduler.wait(PACE_INTERVAL_MS)
}
