// What a peer holds of a song, as BITFIELD frames, and back.
// Not the bitmap of a whole song in memory: an uploader lists what it holds, a downloader takes each part as it comes.
// Invariant: gathered parts follow one another without a gap, and name no chunk that the song does not have.

import type { ChunkId } from '@evastream/core/ids'
import { BITFIELD_PAYLOAD_MAX_BYTES, type BitfieldPart, protocolError } from '@evastream/protocol/peer-frames'

/** Bits past the highest chunk held are left out. */
export function bitfieldParts(handle: number, heldChunks: readonly ChunkId[]): BitfieldPart[] {
  const bytes = new Uint8Array(heldChunks.reduce((size, chunkId) => Math.max(size, (chunkId >> 3) + 1), 0))
  for (const chunkId of heldChunks) bytes[chunkId >> 3] = (bytes[chunkId >> 3] as number) | (0x80 >> (chunkId & 7))
  const parts: BitfieldPart[] = []
  let offset = 0
  do {
    const bits = bytes.subarray(offset, offset + BITFIELD_PAYLOAD_MAX_BYTES)
    const firstChunk = offset * 8
    offset += bits.length
    parts.push({ kind: 'bitfield', handle, firstChunk, isLast: offset >= bytes.length, bits })
  } while (offset < bytes.length)
  return parts
}

export class BitfieldGatherer {
  readonly #chunkCount: number
  readonly #held: ChunkId[] = []
  #nextChunk = 0
  #isComplete = false

  constructor(chunkCount: number) {
    this.#chunkCount = chunkCount
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** @returns all chunks held once the last part is here. @throws EvaError `EVA_PEER_PROTOCOL` */
  take({ firstChunk, bits, isLast }: BitfieldPart): readonly ChunkId[] | undefined {
    if (this.#isComplete) throw protocolError('a bitfield came twice')
    if (firstChunk !== this.#nextChunk) throw protocolError('a bitfield with a gap')
    bits.forEach((byte, index) => {
      for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) this.#add(firstChunk + index * 8 + bit)
    })
    this.#nextChunk += bits.length * 8
    this.#isComplete = isLast
    return isLast ? this.#held : undefined
  }

  #add(chunkId: ChunkId): void {
    if (chunkId >= this.#chunkCount) throw protocolError('a bitfield of a chunk that the song does not have')
    this.#held.push(chunkId)
  }
}
