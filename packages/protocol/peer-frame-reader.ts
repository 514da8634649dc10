// Bytes to frames, in whatever portions they arrive. Audio is handed on as slices of what was pushed, never gathered here.
// Not a judge of the conversation: only form, direction and the hello's coming first are checked.
// Invariant: memory is one scratch buffer of fixed size, whatever a stranger claims; and the only error is EVA_PEER_PROTOCOL,
// after which nothing is read any more.

import type { EvaError } from '@evastream/core/errors'
import { parseDataHead, parseFrame } from './peer-frame-parser.ts'
import { checkHeader, type FrameHeader } from './peer-frame-rules.ts'
import {
  BITFIELD_PAYLOAD_MAX_BYTES,
  CONTROL_FRAME_MAX_BYTES,
  DATA_AUDIO_MAX_BYTES,
  DATA_RUN_SIZE_BYTES,
  type DataHead,
  type ForeignHello,
  HEADER_SIZE_BYTES,
  type PeerFrame,
  type PeerRole,
} from './peer-frames.ts'

/** What a reader tells, in the order of the wire. */
export interface PeerFrameHandler {
  frameRead(frame: PeerFrame | ForeignHello): void
  dataStarted(head: DataHead): void
  /** A part of the audio; it belongs to the pushed buffer and is gone after the call. */
  dataRead(bytes: Uint8Array): void
  dataEnded(): void
}

export interface PeerFrameReaderOptions {
  /** Who wrote what is pushed. */
  readonly sender: PeerRole
  /** The largest amount of audio accepted in one DATA frame: what our HELLO said. */
  readonly dataBytesMax?: number
}

export class PeerFrameReader {
  readonly #handler: PeerFrameHandler
  readonly #sender: PeerRole
  readonly #dataBytesMax: number
  readonly #scratch: Uint8Array
  readonly #headerView: DataView
  #heldBytes = 0
  #neededBytes = HEADER_SIZE_BYTES
  #header: FrameHeader | undefined
  #audioLeftBytes = 0
  #isFirst = true
  #failure: EvaError | undefined
  #stopped = false

  constructor(handler: PeerFrameHandler, options: PeerFrameReaderOptions) {
    this.#handler = handler
    this.#sender = options.sender
    this.#dataBytesMax = options.dataBytesMax ?? DATA_AUDIO_MAX_BYTES
    this.#scratch = new Uint8Array(options.sender === 'listener' ? HEADER_SIZE_BYTES + BITFIELD_PAYLOAD_MAX_BYTES : CONTROL_FRAME_MAX_BYTES)
    this.#headerView = new DataView(this.#scratch.buffer, 0, HEADER_SIZE_BYTES)
  }

  /** Reads all of `bytes`. @throws EvaError `EVA_PEER_PROTOCOL`, and the same again at every later push. */
  push(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    let rest = bytes
    while (rest.length > 0 && !this.#stopped) rest = this.#audioLeftBytes > 0 ? this.#takeAudio(rest) : this.#takeControl(rest)
  }

  /** Ignore what else comes, the rest of a push under way included. */
  stop(): void {
    this.#stopped = true
  }

  #takeAudio(bytes: Uint8Array): Uint8Array {
    const slice = bytes.subarray(0, this.#audioLeftBytes)
    this.#audioLeftBytes -= slice.length
    this.#handler.dataRead(slice)
    if (this.#audioLeftBytes === 0) this.#handler.dataEnded()
    return bytes.subarray(slice.length)
  }

  #takeControl(bytes: Uint8Array): Uint8Array {
    const slice = bytes.subarray(0, this.#neededBytes - this.#heldBytes)
    this.#scratch.set(slice, this.#heldBytes)
    this.#heldBytes += slice.length
    if (this.#heldBytes === this.#neededBytes) this.#advance()
    return bytes.subarray(slice.length)
  }

  #advance(): void {
    if (this.#header === undefined) {
      this.#header = this.#parse(() =>
        checkHeader(this.#headerView, { sender: this.#sender, isFirst: this.#isFirst, dataBytesMax: this.#dataBytesMax }),
      )
      const { name, payloadSizeBytes } = this.#header
      this.#neededBytes += name === 'data' ? DATA_RUN_SIZE_BYTES : payloadSizeBytes
      if (payloadSizeBytes > 0) return
    }
    const header = this.#header
    const payload = this.#scratch.subarray(HEADER_SIZE_BYTES, this.#neededBytes)
    this.#header = undefined
    this.#heldBytes = 0
    this.#neededBytes = HEADER_SIZE_BYTES
    this.#isFirst = false
    if (header.name === 'data') {
      const head = this.#parse(() => parseDataHead(header, payload))
      this.#audioLeftBytes = head.sizeBytes
      this.#handler.dataStarted(head)
    } else this.#handler.frameRead(this.#parse(() => parseFrame(header, payload)))
  }

  #parse<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      this.#failure = cause as EvaError
      throw cause
    }
  }
}
