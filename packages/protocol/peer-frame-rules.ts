// The table of frame types: who may send each, how long it is, and which header fields it uses.
// Not the meaning of payloads: peer-frame-parser reads those.
// Invariant: a header that passes `checkHeader` has a known type, a length within that type's limits, and zero where nothing is said.

import { ID_LENGTH_MAX } from '@evastream/core/ids'
import { ARRIVING_PAYLOAD_MIN_BYTES } from './arriving-payload.ts'
import {
  BITFIELD_PAYLOAD_MAX_BYTES,
  CHUNK_ID_MAX,
  CONTROL_FRAME_MAX_BYTES,
  DATA_RUN_SIZE_BYTES,
  HEADER_SIZE_BYTES,
  HELLO_FIXED_SIZE_BYTES,
  HELLO_FRAME_MAX_BYTES,
  type PeerRole,
  PRIORITY_CLASSES,
  protocolError,
} from './peer-frames.ts'

export const FRAME_TYPES = Object.freeze({
  hello: 0x01,
  'hello-ok': 0x02,
  subscribe: 0x10,
  unsubscribe: 0x11,
  bitfield: 0x12,
  have: 0x13,
  unhave: 0x14,
  arriving: 0x15,
  request: 0x20,
  data: 0x21,
  ack: 0x22,
  reject: 0x23,
  cancel: 0x24,
  ping: 0x30,
  pong: 0x31,
  bye: 0x3f,
} as const)

export type FrameName = keyof typeof FRAME_TYPES

export interface FrameHeader {
  readonly name: FrameName
  readonly flags: number
  readonly handle: number
  readonly requestId: number
  readonly chunkId: number
  readonly payloadSizeBytes: number
}

interface FrameRule {
  readonly name: FrameName
  readonly sender: PeerRole | 'either'
  readonly payloadBytes: readonly [min: number, max: number]
  readonly flagsMax: number
  /** Which fields may differ from zero; those of `required` must. */
  readonly fields: readonly HeaderField[]
  readonly required: readonly HeaderField[]
}

type HeaderField = 'handle' | 'requestId' | 'chunkId'

const CONTROL_PAYLOAD_MAX_BYTES = CONTROL_FRAME_MAX_BYTES - HEADER_SIZE_BYTES

const plainRule = { payloadBytes: [0, 0], flagsMax: 0, fields: [], required: [] } as const

function rule(name: FrameName, sender: FrameRule['sender'], rest: Partial<FrameRule>): FrameRule {
  return Object.freeze({ ...plainRule, fields: rest.required ?? [], ...rest, name, sender })
}

const rules: ReadonlyMap<number, FrameRule> = new Map(
  [
    // A HELLO is read by versions to come and past ones: past its first six bytes nothing is required here.
    rule('hello', 'dialer', { payloadBytes: [6, HELLO_FRAME_MAX_BYTES - HEADER_SIZE_BYTES] }),
    rule('hello-ok', 'listener', { payloadBytes: [HELLO_FIXED_SIZE_BYTES + 1, HELLO_FIXED_SIZE_BYTES + ID_LENGTH_MAX] }),
    rule('subscribe', 'dialer', { payloadBytes: [1, ID_LENGTH_MAX], required: ['handle'] }),
    rule('unsubscribe', 'dialer', { required: ['handle'] }),
    rule('bitfield', 'listener', {
      payloadBytes: [0, BITFIELD_PAYLOAD_MAX_BYTES],
      flagsMax: 1,
      fields: ['handle', 'chunkId'],
      required: ['handle'],
    }),
    rule('have', 'listener', { payloadBytes: [4, CONTROL_PAYLOAD_MAX_BYTES], required: ['handle'] }),
    rule('unhave', 'listener', { payloadBytes: [4, CONTROL_PAYLOAD_MAX_BYTES], required: ['handle'] }),
    rule('arriving', 'listener', { payloadBytes: [ARRIVING_PAYLOAD_MIN_BYTES, CONTROL_PAYLOAD_MAX_BYTES], required: ['handle'] }),
    rule('request', 'dialer', {
      payloadBytes: [DATA_RUN_SIZE_BYTES, DATA_RUN_SIZE_BYTES],
      flagsMax: PRIORITY_CLASSES.length - 1,
      fields: ['handle', 'requestId', 'chunkId'],
      required: ['handle', 'requestId'],
    }),
    rule('data', 'listener', {
      payloadBytes: [DATA_RUN_SIZE_BYTES + 1, Number.MAX_SAFE_INTEGER],
      fields: ['handle', 'requestId', 'chunkId'],
      required: ['handle', 'requestId'],
    }),
    rule('ack', 'dialer', { payloadBytes: [2, 2], required: ['requestId'] }),
    rule('reject', 'listener', { payloadBytes: [8, 8], fields: ['handle', 'requestId'] }),
    rule('cancel', 'dialer', { required: ['requestId'] }),
    rule('ping', 'either', { fields: ['requestId'] }),
    rule('pong', 'either', { fields: ['requestId'] }),
    rule('bye', 'either', {}),
  ].map(one => [FRAME_TYPES[one.name], one]),
)

const hellos: readonly FrameName[] = ['hello', 'hello-ok']

export interface HeaderContext {
  readonly sender: PeerRole
  readonly isFirst: boolean
  readonly dataBytesMax: number
}

/** @throws EvaError `EVA_PEER_PROTOCOL` */
export function checkHeader(view: DataView, context: HeaderContext): FrameHeader {
  const found = rules.get(view.getUint8(0))
  if (found === undefined) throw protocolError('a frame of unknown type')
  const { name, sender, payloadBytes, flagsMax } = found
  if (sender !== 'either' && sender !== context.sender) throw protocolError(`${name} came from the wrong side`)
  if (context.isFirst && !hellos.includes(name) && name !== 'reject') throw protocolError(`${name} came before the hello`)
  if (!context.isFirst && hellos.includes(name)) throw protocolError(`${name} came too late`)
  const header: FrameHeader = {
    name,
    flags: view.getUint8(1),
    handle: view.getUint16(2),
    requestId: view.getUint32(4),
    chunkId: view.getUint32(8),
    payloadSizeBytes: view.getUint32(12),
  }
  const maxBytes = name === 'data' ? DATA_RUN_SIZE_BYTES + context.dataBytesMax : payloadBytes[1]
  if (header.payloadSizeBytes < payloadBytes[0] || header.payloadSizeBytes > maxBytes)
    throw protocolError(`${name} with a payload of ${header.payloadSizeBytes} bytes`)
  if (header.flags > flagsMax) throw protocolError(`${name} with unknown flags`)
  checkFields(header, found)
  return header
}

function checkFields(header: FrameHeader, { name, fields, required }: FrameRule): void {
  for (const field of ['handle', 'requestId', 'chunkId'] as const) {
    if (header[field] !== 0 && !fields.includes(field)) throw protocolError(`${name} with a ${field}`)
    if (header[field] === 0 && required.includes(field)) throw protocolError(`${name} without a ${field}`)
  }
  if (header.chunkId > CHUNK_ID_MAX) throw protocolError(`${name} of a chunk that no song has`)
}
