// The payload of one complete control frame, as a typed frame.
// Not the header (peer-frame-rules) and not the waiting for bytes (peer-frame-reader).
// Invariant: throws nothing but EVA_PEER_PROTOCOL, and every id that leaves here matches ID_PATTERN.

import { isId, type PeerId, type SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { parseArriving } from './arriving-payload.ts'
import type { FrameHeader } from './peer-frame-rules.ts'
import {
  type BitfieldPart,
  BLOCKS_PER_CHUNK_MAX,
  type BlockRun,
  CHUNK_ID_MAX,
  DATA_AUDIO_MAX_BYTES,
  DATA_AUDIO_MIN_BYTES,
  DATA_RUN_SIZE_BYTES,
  type DataHead,
  type ForeignHello,
  type Have,
  HELLO_FIXED_SIZE_BYTES,
  type Hello,
  type HelloOk,
  MAGIC,
  type PeerFrame,
  PRIORITY_CLASSES,
  PROTOCOL_VERSION,
  protocolError,
  REJECT_CODES,
  type Reject,
  type RejectCode,
} from './peer-frames.ts'

const rejectCodeOf: ReadonlyMap<number, RejectCode> = new Map(
  Object.entries(REJECT_CODES).map(([code, number]) => [number, code as RejectCode]),
)

/** `payload` is only read; nothing that is returned refers to it. @throws EvaError `EVA_PEER_PROTOCOL` */
export function parseFrame(header: FrameHeader, payload: Uint8Array): PeerFrame | ForeignHello {
  const { name, handle, requestId, chunkId, flags } = header
  switch (name) {
    case 'hello':
      return parseHello(payload)
    case 'hello-ok':
      return parseHelloOk(payload)
    case 'subscribe':
      return { kind: name, handle, songId: parseId(payload, 'song') as SongId }
    case 'bitfield':
      return parseBitfield(header, payload)
    case 'have':
    case 'unhave':
      return { kind: name, handle, chunkIds: parseChunkIds(payload) }
    case 'arriving':
      return { kind: name, handle, chunks: parseArriving(payload) }
    case 'request':
      return { kind: name, handle, requestId, chunkId, priority: PRIORITY_CLASSES[flags] ?? 'seed', ...parseRun(payload) }
    case 'ack':
      return { kind: name, requestId, blocksReceived: parseBlocksReceived(payload) }
    case 'reject':
      return parseReject(header, payload)
    case 'unsubscribe':
      return { kind: name, handle }
    case 'cancel':
      return { kind: name, requestId }
    case 'ping':
    case 'pong':
      return { kind: name, token: requestId }
    case 'bye':
      return { kind: name }
    case 'data':
      throw protocolError('DATA is not a control frame')
  }
}

/** The run of a DATA frame. @throws EvaError `EVA_PEER_PROTOCOL` when the run and the length do not fit each other. */
export function parseDataHead(header: FrameHeader, runBytes: Uint8Array): DataHead {
  const run = parseRun(runBytes)
  const sizeBytes = header.payloadSizeBytes - DATA_RUN_SIZE_BYTES
  if (sizeBytes > run.blockCount * BLOCK_SIZE_BYTES || sizeBytes <= (run.blockCount - 1) * BLOCK_SIZE_BYTES)
    throw protocolError(`${sizeBytes} bytes are not ${run.blockCount} blocks`)
  return { handle: header.handle, requestId: header.requestId, chunkId: header.chunkId, sizeBytes, ...run }
}

function parseHello(payload: Uint8Array): Hello | ForeignHello {
  const view = viewOf(payload)
  if (view.getUint32(0) !== MAGIC) throw protocolError('the hello does not begin as ours do')
  const version = view.getUint16(4)
  if (version !== PROTOCOL_VERSION) return { kind: 'foreign-hello', version }
  if (payload.length < HELLO_FIXED_SIZE_BYTES) throw protocolError('a hello that is cut short')
  const dataBytesMax = view.getUint32(6)
  if (dataBytesMax < DATA_AUDIO_MIN_BYTES || dataBytesMax > DATA_AUDIO_MAX_BYTES) throw protocolError('a hello with an absurd limit')
  if (view.getUint8(10) !== 0) throw protocolError('a hello with unknown flags')
  const name = payload.subarray(HELLO_FIXED_SIZE_BYTES)
  if (view.getUint8(11) !== name.length) throw protocolError('a hello whose name has another length')
  return name.length === 0 ? { kind: 'hello', dataBytesMax } : { kind: 'hello', dataBytesMax, peerId: parseId(name, 'peer') as PeerId }
}

function parseHelloOk(payload: Uint8Array): HelloOk {
  const view = viewOf(payload)
  if (view.getUint32(0) !== MAGIC) throw protocolError('the hello does not begin as ours do')
  if (view.getUint16(4) !== PROTOCOL_VERSION) throw protocolError('the hello was answered in another version')
  const requestsMax = view.getUint16(6)
  const subscriptionsMax = view.getUint16(8)
  if (requestsMax === 0 || subscriptionsMax === 0) throw protocolError('a hello with an absurd limit')
  if (view.getUint8(10) !== 0) throw protocolError('a hello with unknown flags')
  const name = payload.subarray(HELLO_FIXED_SIZE_BYTES)
  if (view.getUint8(11) !== name.length) throw protocolError('a hello whose name has another length')
  return { kind: 'hello-ok', requestsMax, subscriptionsMax, peerId: parseId(name, 'peer') as PeerId }
}

function parseBitfield({ handle, chunkId, flags }: FrameHeader, payload: Uint8Array): BitfieldPart {
  const isLast = flags === 1
  if (chunkId % 8 !== 0) throw protocolError('a bitfield that begins inside a byte')
  if (!isLast && payload.length === 0) throw protocolError('a bitfield that says nothing')
  if (chunkId + payload.length * 8 > CHUNK_ID_MAX + 1) throw protocolError('bitfield of a chunk that no song has')
  return { kind: 'bitfield', handle, firstChunk: chunkId, isLast, bits: payload.slice() }
}

function parseChunkIds(payload: Uint8Array): Have['chunkIds'] {
  if (payload.length % 4 !== 0) throw protocolError('a list of chunks that is cut short')
  const view = viewOf(payload)
  return Array.from({ length: payload.length / 4 }, (_, index) => {
    const chunkId = view.getUint32(index * 4)
    if (chunkId > CHUNK_ID_MAX) throw protocolError('have of a chunk that no song has')
    return chunkId
  })
}

function parseRun(payload: Uint8Array): BlockRun {
  const view = viewOf(payload)
  const firstBlock = view.getUint16(0)
  const blockCount = view.getUint16(2)
  if (blockCount === 0 || firstBlock + blockCount > BLOCKS_PER_CHUNK_MAX) throw protocolError('a run of blocks that no chunk has')
  return { firstBlock, blockCount }
}

function parseBlocksReceived(payload: Uint8Array): number {
  const blocksReceived = viewOf(payload).getUint16(0)
  if (blocksReceived === 0 || blocksReceived > BLOCKS_PER_CHUNK_MAX) throw protocolError('an ack of blocks that no chunk has')
  return blocksReceived
}

function parseReject({ handle, requestId }: FrameHeader, payload: Uint8Array): Reject {
  const view = viewOf(payload)
  const code = rejectCodeOf.get(view.getUint16(0))
  if (code === undefined) throw protocolError('a reject with an unknown code')
  if (handle !== 0 && requestId !== 0) throw protocolError('a reject of two things at once')
  return { kind: 'reject', handle, requestId, code, version: view.getUint16(2), retryAfterMs: view.getUint32(4) }
}

function parseId(bytes: Uint8Array, what: string): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  if (!isId(text)) throw protocolError(`a ${what} id that is not allowed`)
  return text
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
