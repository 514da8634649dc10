// Frames as bytes: one function for control frames, one for what precedes the audio of a DATA frame.
// Not a sender: sockets, order and credit are the connection's business. The audio itself is never copied here.
// Invariant: whatever this writes, peer-frame-reader reads back as the same frame.

import { arrivingSizeBytes, writeArriving } from './arriving-payload.ts'
import { FRAME_TYPES } from './peer-frame-rules.ts'
import {
  type Arriving,
  type BitfieldPart,
  DATA_RUN_SIZE_BYTES,
  type DataHead,
  type Have,
  HEADER_SIZE_BYTES,
  HELLO_FIXED_SIZE_BYTES,
  HELLO_FRAME_MAX_BYTES,
  type Hello,
  type HelloOk,
  MAGIC,
  type PeerFrame,
  PRIORITY_CLASSES,
  PROTOCOL_VERSION,
  REJECT_CODES,
  type Reject,
  type Request,
} from './peer-frames.ts'

interface HeaderFields {
  readonly flags?: number
  readonly handle?: number
  readonly requestId?: number
  readonly chunkId?: number
}

/** One control frame, header and payload. */
export function encodeFrame(frame: PeerFrame): Uint8Array {
  switch (frame.kind) {
    case 'hello':
      return encodeHello(frame)
    case 'hello-ok':
      return encodeHelloOk(frame)
    case 'subscribe':
      return withText(start('subscribe', frame, frame.songId.length), HEADER_SIZE_BYTES, frame.songId)
    case 'bitfield':
      return encodeBitfield(frame)
    case 'have':
    case 'unhave':
      return encodeHave(frame)
    case 'arriving':
      return encodeArriving(frame)
    case 'request':
      return encodeRequest(frame)
    case 'ack':
      return withUint16(start('ack', frame, 2), HEADER_SIZE_BYTES, frame.blocksReceived)
    case 'reject':
      return encodeReject(frame)
    case 'unsubscribe':
    case 'cancel':
      return start(frame.kind, frame, 0)
    case 'bye':
      return start('bye', {}, 0)
    case 'ping':
    case 'pong':
      return start(frame.kind, { requestId: frame.token }, 0)
  }
}

/** Header and run of a DATA frame; `head.sizeBytes` bytes of audio follow. */
export function encodeDataHead(head: DataHead): Uint8Array {
  const bytes = start('data', head, DATA_RUN_SIZE_BYTES, DATA_RUN_SIZE_BYTES + head.sizeBytes)
  withUint16(bytes, HEADER_SIZE_BYTES, head.firstBlock)
  return withUint16(bytes, HEADER_SIZE_BYTES + 2, head.blockCount)
}

function encodeHello({ dataBytesMax, peerId }: Hello): Uint8Array {
  const fits = peerId !== undefined && HEADER_SIZE_BYTES + HELLO_FIXED_SIZE_BYTES + peerId.length <= HELLO_FRAME_MAX_BYTES
  const name = fits ? peerId : ''
  const bytes = start('hello', {}, HELLO_FIXED_SIZE_BYTES + name.length)
  const view = viewOf(bytes)
  view.setUint32(16, MAGIC)
  view.setUint16(20, PROTOCOL_VERSION)
  view.setUint32(22, dataBytesMax)
  view.setUint8(27, name.length)
  return withText(bytes, HEADER_SIZE_BYTES + HELLO_FIXED_SIZE_BYTES, name)
}

function encodeHelloOk({ requestsMax, subscriptionsMax, peerId }: HelloOk): Uint8Array {
  const bytes = start('hello-ok', {}, HELLO_FIXED_SIZE_BYTES + peerId.length)
  const view = viewOf(bytes)
  view.setUint32(16, MAGIC)
  view.setUint16(20, PROTOCOL_VERSION)
  view.setUint16(22, requestsMax)
  view.setUint16(24, subscriptionsMax)
  view.setUint8(27, peerId.length)
  return withText(bytes, HEADER_SIZE_BYTES + HELLO_FIXED_SIZE_BYTES, peerId)
}

function encodeBitfield({ handle, firstChunk, isLast, bits }: BitfieldPart): Uint8Array {
  const bytes = start('bitfield', { handle, chunkId: firstChunk, flags: isLast ? 1 : 0 }, bits.length)
  bytes.set(bits, HEADER_SIZE_BYTES)
  return bytes
}

function encodeHave({ kind, handle, chunkIds }: Have): Uint8Array {
  const bytes = start(kind, { handle }, chunkIds.length * 4)
  const view = viewOf(bytes)
  chunkIds.forEach((chunkId, index) => {
    view.setUint32(HEADER_SIZE_BYTES + index * 4, chunkId)
  })
  return bytes
}

function encodeArriving({ handle, chunks }: Arriving): Uint8Array {
  const bytes = start('arriving', { handle }, arrivingSizeBytes(chunks))
  writeArriving(bytes.subarray(HEADER_SIZE_BYTES), chunks)
  return bytes
}

function encodeRequest({ handle, requestId, chunkId, priority, firstBlock, blockCount }: Request): Uint8Array {
  const flags = PRIORITY_CLASSES.indexOf(priority)
  const bytes = start('request', { handle, requestId, chunkId, flags }, DATA_RUN_SIZE_BYTES)
  withUint16(bytes, HEADER_SIZE_BYTES, firstBlock)
  return withUint16(bytes, HEADER_SIZE_BYTES + 2, blockCount)
}

function encodeReject({ handle, requestId, code, version, retryAfterMs }: Reject): Uint8Array {
  const bytes = start('reject', { handle, requestId }, 8)
  const view = viewOf(bytes)
  view.setUint16(16, REJECT_CODES[code])
  view.setUint16(18, version)
  view.setUint32(20, Math.min(0xffff_ffff, Math.max(0, Math.round(retryAfterMs))))
  return bytes
}

/** A frame's bytes with its header filled in; the payload is zero until somebody writes it. */
function start(name: keyof typeof FRAME_TYPES, fields: HeaderFields, heldBytes: number, payloadBytes = heldBytes): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + heldBytes)
  const view = viewOf(bytes)
  view.setUint8(0, FRAME_TYPES[name])
  view.setUint8(1, fields.flags ?? 0)
  view.setUint16(2, fields.handle ?? 0)
  view.setUint32(4, fields.requestId ?? 0)
  view.setUint32(8, fields.chunkId ?? 0)
  view.setUint32(12, payloadBytes)
  return bytes
}

function withText(bytes: Uint8Array, offset: number, ascii: string): Uint8Array {
  for (let index = 0; index < ascii.length; index++) bytes[offset + index] = ascii.charCodeAt(index)
  return bytes
}

function withUint16(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  viewOf(bytes).setUint16(offset, value)
  return bytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
