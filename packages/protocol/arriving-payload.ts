// The payload of ARRIVING: chunks on their way, each with its blocks as bits, most significant first; into bytes and out of them.
// Not its header (peer-frame-rules), and not whether a song has such a chunk or block: only the dialer knows the song's shape.
// Invariant: what is said has one spelling, so every payload that is read is what would be written of it.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import {
  ARRIVING_BITS_MAX_BYTES,
  type Arriving,
  CHUNK_ID_MAX,
  CONTROL_FRAME_MAX_BYTES,
  HEADER_SIZE_BYTES,
  protocolError,
} from './peer-frames.ts'

/** Chunk and length of the bits: what precedes the bits of each chunk. */
const ENTRY_FIXED_SIZE_BYTES = 5
const PAYLOAD_MAX_BYTES = CONTROL_FRAME_MAX_BYTES - HEADER_SIZE_BYTES
/** One chunk with the first of its blocks. */
export const ARRIVING_PAYLOAD_MIN_BYTES = ENTRY_FIXED_SIZE_BYTES + 1

/** As few frames as hold these chunks, in their order. */
export function arrivingFrames(handle: number, chunks: readonly ArrivingChunk[]): Arriving[] {
  const frames: Arriving[] = []
  let from = 0
  let sizeBytes = 0
  chunks.forEach((chunk, index) => {
    const entryBytes = entrySizeBytes(chunk)
    if (sizeBytes + entryBytes > PAYLOAD_MAX_BYTES) {
      frames.push({ kind: 'arriving', handle, chunks: chunks.slice(from, index) })
      from = index
      sizeBytes = 0
    }
    sizeBytes += entryBytes
  })
  if (from < chunks.length) frames.push({ kind: 'arriving', handle, chunks: chunks.slice(from) })
  return frames
}

export function arrivingSizeBytes(chunks: readonly ArrivingChunk[]): number {
  return chunks.reduce((sum, chunk) => sum + entrySizeBytes(chunk), 0)
}

/** Fills `payload`, which is as long as `arrivingSizeBytes` says, and zero. */
export function writeArriving(payload: Uint8Array, chunks: readonly ArrivingChunk[]): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  let offset = 0
  for (const chunk of chunks) {
    const bitsAt = offset + ENTRY_FIXED_SIZE_BYTES
    view.setUint32(offset, chunk.chunkId)
    view.setUint8(offset + 4, bitsSizeBytes(chunk))
    for (const block of chunk.blocks) {
      const byteAt = bitsAt + (block >> 3)
      view.setUint8(byteAt, view.getUint8(byteAt) | (0x80 >> (block & 7)))
    }
    offset += entrySizeBytes(chunk)
  }
}

/** @throws EvaError `EVA_PEER_PROTOCOL` */
export function parseArriving(payload: Uint8Array): ArrivingChunk[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const chunks: ArrivingChunk[] = []
  const seen = new Set<number>()
  for (let offset = 0; offset < payload.length; ) {
    const bitsAt = offset + ENTRY_FIXED_SIZE_BYTES
    if (bitsAt > payload.length) throw protocolError('a list of arriving chunks that is cut short')
    const chunkId = view.getUint32(offset)
    const endsAt = bitsAt + view.getUint8(offset + 4)
    if (chunkId > CHUNK_ID_MAX) throw protocolError('arriving of a chunk that no song has')
    if (seen.has(chunkId)) throw protocolError('arriving of one chunk twice')
    if (endsAt - bitsAt > ARRIVING_BITS_MAX_BYTES) throw protocolError('arriving of blocks that no chunk has')
    if (endsAt > payload.length) throw protocolError('a list of arriving chunks that is cut short')
    seen.add(chunkId)
    chunks.push({ chunkId, blocks: parseBlocks(payload.subarray(bitsAt, endsAt)) })
    offset = endsAt
  }
  return chunks
}

function parseBlocks(bits: Uint8Array): number[] {
  if (bits.length === 0) throw protocolError('arriving of a chunk without a block')
  if (bits.at(-1) === 0) throw protocolError('arriving with a byte of bits too many')
  const blocks: number[] = []
  bits.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) blocks.push(index * 8 + bit)
  })
  return blocks
}

function entrySizeBytes(chunk: ArrivingChunk): number {
  return ENTRY_FIXED_SIZE_BYTES + bitsSizeBytes(chunk)
}

function bitsSizeBytes({ blocks }: ArrivingChunk): number {
  return ((blocks.at(-1) ?? 0) >> 3) + 1
}
