// Links between hosts: each has a rate up, a rate down and a latency; what shares a link takes turns.
// Not connections: simulated-connection.ts speaks of peers, and this file of bytes that take their time.
// Invariant: a host's uplink carries one parcel at a time, round and round its flows, so that rate and queueing matter.

import { assert } from '@evastream/core/assert'
import type { VirtualClock } from '../virtual-clock.ts'

export interface LinkPlan {
  readonly upBytesPerSecond: number
  readonly downBytesPerSecond: number
  /** One way, from the host to the middle of the network. */
  readonly latencyMs: number
}

export interface Host {
  readonly name: string
  link: LinkPlan
  /** Hosts of different groups cannot reach each other: a partition. */
  group: number
  readonly flows: Flow[]
  turn: number
  /** Flows on their way to here: they share the downlink. */
  inboundCount: number
  isSending: boolean
  /** A look at flows that wait for their receivers' downlinks is planned. */
  isHoldingBack: boolean
  /** When the downlink has taken in what is on its way. */
  downFreeAt: number
}

export interface Parcel {
  readonly sizeBytes: number
  /** The block this parcel completes, if it does. */
  readonly block?: number
  readonly isGood: boolean
}

/** Bytes on their way from one host to another, pulled by the uplink whenever it has room. */
export interface Flow {
  readonly from: Host
  readonly to: Host
  /** The next bytes, or undefined when there are none. */
  next(): Parcel | undefined
  arrived(parcel: Parcel): void
  /** Everything has been pulled, so the uplink may forget the flow; what is on its way still arrives. */
  readonly isSpent: boolean
  /** There is nothing to pull until somebody starts it again: the uplink forgets it meanwhile, and `ranShort` is told. */
  readonly isShort: boolean
  ranShort(): void
  /** Sent and not arrived yet. */
  inFlightCount: number
  isStopped: boolean
}

/** What TCP would let be on its way per flow; enough to fill the links drawn here. */
const PARCELS_IN_FLIGHT_MAX = 16
/** Senders hold back when more than this waits before a downlink: what congestion control does. */
const DOWNLINK_BACKLOG_MAX_MS = 300

export class SimulatedNetwork {
  readonly #clock: VirtualClock
  readonly #hosts = new Map<string, Host>()

  constructor(deps: { readonly clock: VirtualClock }) {
    this.#clock = deps.clock
  }

  addHost(name: string, link: LinkPlan): Host {
    assert(!this.#hosts.has(name), `two hosts are named ${name}`)
    const host: Host = { name, link, group: 0, flows: [], turn: 0, inboundCount: 0, isSending: false, isHoldingBack: false, downFreeAt: 0 }
    this.#hosts.set(name, host)
    return host
  }

  host(name: string): Host | undefined {
    return this.#hosts.get(name)
  }

  latencyMs(one: Host, other: Host): number {
    return one.link.latencyMs + other.link.latencyMs
  }

  areApart(one: Host, other: Host): boolean {
    return one.group !== other.group
  }

  /** A small message; lost without a word when the two are apart. */
  send(from: Host, to: Host, deliver: () => void): void {
    if (this.areApart(from, to)) return
    this.#clock.after(this.latencyMs(from, to), () => {
      if (!this.areApart(from, to)) deliver()
    })
  }

  start(flow: Flow): void {
    flow.from.flows.push(flow)
    flow.to.inboundCount++
    this.#pump(flow.from)
  }

  /** Nothing more is pulled until it is started again; what is on its way still arrives. */
  pause(flow: Flow): void {
    this.#forget(flow)
  }

  /** Nothing more of the flow is sent, and nothing of it that is on its way is told. */
  stop(flow: Flow): void {
    flow.isStopped = true
    this.#forget(flow)
  }

  /** A flow that lost a parcel never goes on: its bytes come in order or not at all. */
  #isSevered(flow: Flow): boolean {
    if (!this.areApart(flow.from, flow.to)) return false
    this.stop(flow)
    return true
  }

  #forget(flow: Flow): void {
    const index = flow.from.flows.indexOf(flow)
    if (index < 0) return
    flow.from.flows.splice(index, 1)
    flow.to.inboundCount--
    if (index < flow.from.turn) flow.from.turn--
  }

  #pump(host: Host): void {
    if (host.isSending) return
    let roomAt = Number.POSITIVE_INFINITY
    for (let tries = host.flows.length; tries > 0; tries--) {
      if (host.turn >= host.flows.length) host.turn = 0
      const flow = host.flows[host.turn] as Flow
      host.turn++
      if (flow.inFlightCount >= PARCELS_IN_FLIGHT_MAX) continue
      const flowRoomAt = flow.to.downFreeAt - this.latencyMs(flow.from, flow.to) - DOWNLINK_BACKLOG_MAX_MS
      if (flowRoomAt > this.#clock.now()) {
        roomAt = Math.min(roomAt, flowRoomAt)
        continue
      }
      const parcel = flow.next()
      if (parcel === undefined) continue
      if (flow.isSpent || flow.isShort) this.#forget(flow)
      this.#transmit(flow, parcel)
      if (flow.isShort) flow.ranShort()
      return
    }
    if (Number.isFinite(roomAt)) this.#holdBack(host, roomAt)
  }

  #holdBack(host: Host, until: number): void {
    if (host.isHoldingBack) return
    host.isHoldingBack = true
    this.#clock.at(until, () => {
      host.isHoldingBack = false
      this.#pump(host)
    })
  }

  #transmit(flow: Flow, parcel: Parcel): void {
    const { from } = flow
    from.isSending = true
    flow.inFlightCount++
    this.#clock.after((parcel.sizeBytes / from.link.upBytesPerSecond) * 1000, () => {
      from.isSending = false
      this.#carry(flow, parcel)
      this.#pump(from)
    })
  }

  #carry(flow: Flow, parcel: Parcel): void {
    const { from, to } = flow
    if (this.#isSevered(flow)) return
    const startsAt = Math.max(this.#clock.now() + this.latencyMs(from, to), to.downFreeAt)
    to.downFreeAt = startsAt + (parcel.sizeBytes / to.link.downBytesPerSecond) * 1000
    this.#clock.at(to.downFreeAt, () => {
      flow.inFlightCount--
      if (this.#isSevered(flow)) return
      flow.arrived(parcel)
      if (!flow.isStopped) this.#pump(from)
    })
  }
}
