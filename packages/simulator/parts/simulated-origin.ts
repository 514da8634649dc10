// The operator's origin: a rate, a limit on requests at a time, and every way an HTTP server can be in trouble.
// Not HTTP: ranges and headers are the OriginClient's business; here are the outcomes it reports.
// Invariant: each fetch ends in all its bytes, in one failure, or in silence until it is aborted or times out.

import type { ErrorCode } from '@evastream/core/errors'
import { blockRunLengthBytes } from '@evastream/core/manifest'
import type { VirtualClock } from '../virtual-clock.ts'
import { BlockFlow, type BlockRun } from './block-flow.ts'
import { FIRST_FLIGHT_BYTES, HttpLines } from './http-lines.ts'
import type { Host, Parcel, SimulatedNetwork } from './simulated-network.ts'

export const ORIGIN_TROUBLES = [
  'refuses',
  'is-silent',
  'answers-500',
  'truncates',
  'sends-wrong-bytes',
  'is-overloaded',
  'is-slow',
] as const

export type OriginTrouble = (typeof ORIGIN_TROUBLES)[number]

export interface OriginListener {
  received(parcel: Parcel): void
  failed(code: ErrorCode, retryAfterMs?: number): void
}

export interface OriginOptions {
  readonly requestsMax: number
  readonly firstByteDelayMs: number
}

interface Fetch {
  readonly asker: Host
  readonly run: BlockRun
  readonly listener: OriginListener
  isOver: boolean
  isServed: boolean
  /** Its line was made for it. */
  readonly isOnNewLine: boolean
  /** Since when nothing came. */
  quietSince: number
  flow?: BlockFlow
}

/** The client gives up when nothing comes for this long. */
const CLIENT_TIMEOUT_MS = 15_000
const RETRY_AFTER_MS = 1000
const SLOW_FACTOR = 50

export class SimulatedOrigin {
  readonly host: Host
  sentBytes = 0
  requestCount = 0
  #trouble: OriginTrouble | undefined
  #servedCount = 0
  readonly #fetches = new Set<Fetch>()
  readonly #lines = new Map<Host, HttpLines>()
  readonly #clock: VirtualClock
  readonly #network: SimulatedNetwork
  readonly #options: OriginOptions
  readonly #fullLink: Host['link']

  constructor(deps: { readonly clock: VirtualClock; readonly network: SimulatedNetwork; readonly host: Host }, options: OriginOptions) {
    this.#clock = deps.clock
    this.#network = deps.network
    this.host = deps.host
    this.#fullLink = deps.host.link
    this.#options = options
  }

  /** From now on the origin is in this trouble; undefined: in none. */
  setTrouble(trouble: OriginTrouble | undefined): void {
    this.#trouble = trouble
    const { upBytesPerSecond } = this.#fullLink
    this.host.link = { ...this.#fullLink, upBytesPerSecond: trouble === 'is-slow' ? upBytesPerSecond / SLOW_FACTOR : upBytesPerSecond }
    if (trouble === 'refuses') for (const fetch of this.#fetches) if (fetch.isServed) this.#fail(fetch, 'EVA_ORIGIN_TRUNCATED')
    if (trouble === 'is-silent') for (const fetch of this.#fetches) this.#stopFlow(fetch)
  }

  /** @returns how to abort it. */
  fetch(asker: Host, run: BlockRun, listener: OriginListener): () => void {
    const isOnNewLine = this.#linesOf(asker).take(this.#clock.now())
    const fetch: Fetch = { asker, run, listener, isOnNewLine, isOver: false, isServed: false, quietSince: this.#clock.now() }
    this.#fetches.add(fetch)
    this.#watchSilence(fetch)
    this.#clock.after(isOnNewLine ? this.#roundTripMs(asker) : 0, () => {
      if (!fetch.isOver) this.#network.send(asker, this.host, () => this.#arrived(fetch))
    })
    return () => this.#end(fetch, () => {})
  }

  /** Whether something is being sent to the host of this name. */
  isServing(name: string): boolean {
    for (const { asker, isServed } of this.#fetches) if (isServed && asker.name === name) return true
    return false
  }

  #arrived(fetch: Fetch): void {
    if (fetch.isOver) return
    this.requestCount++
    const trouble = this.#trouble
    if (trouble === 'is-silent') return
    if (trouble === 'refuses') this.#fail(fetch, 'EVA_ORIGIN_UNREACHABLE')
    else if (trouble === 'answers-500') this.#fail(fetch, 'EVA_ORIGIN_STATUS')
    else if (trouble === 'is-overloaded' || this.#servedCount >= this.#options.requestsMax)
      this.#fail(fetch, 'EVA_ORIGIN_OVERLOADED', RETRY_AFTER_MS)
    else this.#serve(fetch, trouble)
  }

  #watchSilence(fetch: Fetch): void {
    this.#clock.at(fetch.quietSince + CLIENT_TIMEOUT_MS, () => {
      if (fetch.isOver) return
      if (this.#clock.now() < fetch.quietSince + CLIENT_TIMEOUT_MS) this.#watchSilence(fetch)
      else this.#end(fetch, () => fetch.listener.failed('EVA_ORIGIN_TIMEOUT'))
    })
  }

  #serve(fetch: Fetch, trouble: OriginTrouble | undefined): void {
    fetch.isServed = true
    this.#servedCount++
    const { shape, chunkId, firstBlock, blockCount } = fetch.run
    const isLong = blockRunLengthBytes(shape, chunkId, firstBlock, blockCount) > FIRST_FLIGHT_BYTES
    const warmUpMs = fetch.isOnNewLine && isLong ? this.#roundTripMs(fetch.asker) : 0
    this.#clock.after(this.#options.firstByteDelayMs + warmUpMs, () => {
      if (fetch.isOver || this.#trouble === 'is-silent') return
      const ends = { from: this.host, to: fetch.asker, arrived: (parcel: Parcel) => this.#deliver(fetch, parcel, trouble) }
      fetch.flow = new BlockFlow({ ends }, { run: fetch.run, manner: { isGood: () => trouble !== 'sends-wrong-bytes' } })
      this.#network.start(fetch.flow)
    })
  }

  #deliver(fetch: Fetch, parcel: Parcel, trouble: OriginTrouble | undefined): void {
    if (fetch.isOver) return
    this.sentBytes += parcel.sizeBytes
    fetch.quietSince = this.#clock.now()
    const lastBlock = fetch.run.firstBlock + fetch.run.blockCount - 1
    if (trouble === 'truncates' && parcel.block === lastBlock) {
      this.#end(fetch, () => fetch.listener.failed('EVA_ORIGIN_TRUNCATED'))
      return
    }
    if (parcel.block === lastBlock) {
      this.#linesOf(fetch.asker).giveBack(this.#clock.now())
      this.#end(fetch, () => fetch.listener.received(parcel))
    } else fetch.listener.received(parcel)
  }

  #fail(fetch: Fetch, code: ErrorCode, retryAfterMs?: number): void {
    this.#network.send(this.host, fetch.asker, () => this.#end(fetch, () => fetch.listener.failed(code, retryAfterMs)))
  }

  #end(fetch: Fetch, tell: () => void): void {
    if (fetch.isOver) return
    fetch.isOver = true
    if (fetch.isServed) this.#servedCount--
    this.#stopFlow(fetch)
    this.#fetches.delete(fetch)
    tell()
  }

  #linesOf(asker: Host): HttpLines {
    const lines = this.#lines.get(asker) ?? new HttpLines()
    this.#lines.set(asker, lines)
    return lines
  }

  #roundTripMs(asker: Host): number {
    return 2 * this.#network.latencyMs(asker, this.host)
  }

  #stopFlow(fetch: Fetch): void {
    if (fetch.flow !== undefined) this.#network.stop(fetch.flow)
  }
}
