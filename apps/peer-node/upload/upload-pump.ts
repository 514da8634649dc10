// The sending of one connection: frames of its requests in service, as large and as many as its link carries.
// Not the choice of who is served (upload-slots), and not the conversation (upload-session).
// Invariant: unacknowledged bytes stay within the meter's credit, save for one frame when nothing else is on its way,
// and a frame is handed to the link only when the link has taken all before.

import type { Millis } from '@evastream/core/units'
import { encodeDataHead } from '@evastream/protocol/peer-frame-writer'
import { PRIORITY_CLASSES } from '@evastream/protocol/peer-frames'
import type { Clock } from '@evastream/service-kit/system-clock'
import { LinkMeter } from '../network/link-meter.ts'
import type { PeerLink } from '../network/peer-link.ts'
import type { GateUser, UploadGate } from './upload-gate.ts'
import type { UploadRequest } from './upload-request.ts'

/** A receiver that has acknowledged nothing for this long is stuck: under half a megabit a second, one is between any two blocks. */
const STUCK_AFTER_MS = 250

export interface UploadPumpDeps {
  readonly link: PeerLink
  readonly clock: Clock
  /** What all connections together may send. */
  readonly gate: UploadGate
  readonly onBytesSent: (sizeBytes: number) => void
  /** Audio that the other side acknowledged. */
  readonly onBytesDelivered: (sizeBytes: number) => void
  /** All that is here of a request in service has been sent, and more is to come. */
  readonly onShort: (request: UploadRequest) => void
}

export interface UploadPumpOptions {
  /** The most audio the other side takes in one frame. */
  readonly dataBytesMax: number
}

export class UploadPump implements GateUser {
  readonly #deps: UploadPumpDeps
  readonly #dataBytesMax: number
  readonly #meter = new LinkMeter()
  /** The most urgent first, among equals in the order of their grants. */
  readonly #inService: UploadRequest[] = []
  #heardAt: Millis

  constructor(deps: UploadPumpDeps, options: UploadPumpOptions) {
    this.#deps = deps
    this.#dataBytesMax = options.dataBytesMax
    this.#heardAt = deps.clock.now()
  }

  /** What was sent lies for so long that others should have the slot. */
  get isStuck(): boolean {
    return this.#owes && this.#deps.clock.now() - this.#heardAt >= STUCK_AFTER_MS
  }

  /** Something that was sent may still be read. */
  get isSending(): boolean {
    return this.#deps.link.bufferedBytes > 0
  }

  get urgency(): number {
    const next = this.#nextRequest
    return next === undefined ? PRIORITY_CLASSES.length : classOf(next)
  }

  isServing(request: UploadRequest): boolean {
    return this.#inService.includes(request)
  }

  begin(request: UploadRequest): void {
    const behind = this.#inService.findIndex(other => classOf(other) > classOf(request))
    this.#inService.splice(behind === -1 ? this.#inService.length : behind, 0, request)
  }

  /** No longer in service; what of it is on its way stays on its way. */
  pause(request: UploadRequest): void {
    const index = this.#inService.indexOf(request)
    if (index !== -1) this.#inService.splice(index, 1)
  }

  /** As `pause`, and nobody will acknowledge the rest. */
  forget(request: UploadRequest): void {
    this.pause(request)
    this.#meter.forgotten(request.unacknowledgedBytes)
  }

  /** @returns false when no such blocks were sent. */
  acknowledge(request: UploadRequest, blocksReceived: number): boolean {
    const arrived = request.acknowledge(blocksReceived)
    if (arrived === undefined) return false
    const now = this.#deps.clock.now()
    this.#meter.acknowledged(arrived.sizeBytes, arrived.frames, now)
    if (arrived.sizeBytes > 0) {
      this.#heardAt = now
      this.#deps.onBytesDelivered(arrived.sizeBytes)
    }
    return true
  }

  /** Sends what may be sent. To be called whenever something changed: a grant, a load, an ACK, room in the link. */
  run(): void {
    const { link, clock, gate, onBytesSent, onShort } = this.#deps
    while (link.bufferedBytes === 0) {
      const request = this.#nextRequest
      if (request === undefined) {
        this.#meter.starved()
        return
      }
      const { head, audio } = request.nextFrame(Math.min(this.#meter.frameBytes, gate.audioMaxBytes, this.#dataBytesMax))
      const { inFlightBytes, creditBytes } = this.#meter
      if (inFlightBytes > 0 && inFlightBytes + audio.length > creditBytes) return
      const start = encodeDataHead(head)
      if (!gate.pass(this, start.length + audio.length)) {
        this.#meter.starved()
        return
      }
      const now = clock.now()
      if (inFlightBytes === 0) this.#heardAt = now
      request.frameSent(head, this.#meter.frameSent(audio.length, now))
      link.send(start, audio)
      onBytesSent(audio.length)
      if (!request.isSent && !request.canSend) onShort(request)
    }
  }

  close(): void {
    this.#deps.gate.leave(this)
  }

  /** For how long the other side has let bytes lie; 0 when it owes nothing. Nobody acknowledges what ended: without `hasRequests` it owes none. */
  silentForMs(now: Millis, hasRequests: boolean): number {
    if (!hasRequests || !this.#owes) this.#heardAt = now
    return now - this.#heardAt
  }

  get #nextRequest(): UploadRequest | undefined {
    return this.#inService.find(one => one.canSend)
  }

  get #owes(): boolean {
    return this.#meter.inFlightBytes > 0 || this.#deps.link.bufferedBytes > 0
  }
}

function classOf(request: UploadRequest): number {
  return PRIORITY_CLASSES.indexOf(request.priority)
}
