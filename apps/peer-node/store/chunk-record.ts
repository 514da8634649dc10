// The record beside a song's audio: which chunks were verified and written, one self-checking slot after another.
// Not a promise about the disk: a chunk named here is only worth hashing; the store trusts nothing it has not hashed itself.
// Invariant: a slot that was torn, spoiled, or written for other content is ignored, and so costs at most its own chunk.

import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import type { ExtentFiles, ExtentHandle, OpenFile } from './extent-files.ts'

export const RECORD_SLOT_BYTES = 16

const KEPT = 1
const LOST = 2

/** What a song's bytes are, in 64 hexadecimal digits: two manifests with the same sizes and chunk hashes share it. */
export function contentKeyOf(manifest: Manifest): string {
  const { fileSize, chunkSize, chunks } = manifest
  return hash('sha256', `${fileSize}/${chunkSize}/${chunks.map(chunk => chunk.hash).join('')}`)
}

export interface RecordDeps {
  readonly openFile: OpenFile
  /** Keeps the record open while it is written to, and only so many at once. */
  readonly files: Pick<ExtentFiles, 'write'>
}

export interface RecordOptions {
  readonly path: string
  readonly chunkCount: number
  readonly contentKey: string
}

/** The record of one song, to be appended to. */
export class ChunkRecord {
  readonly #files: Pick<ExtentFiles, 'write'>
  readonly #path: string
  readonly #contentKey: string
  #endBytes: number

  private constructor(deps: RecordDeps, { path, contentKey }: RecordOptions, endBytes: number) {
    this.#files = deps.files
    this.#path = path
    this.#contentKey = contentKey
    this.#endBytes = endBytes
  }

  /** Reads the record, writing it anew when most of it is history, and tells which chunks it names as kept. */
  static async open(deps: RecordDeps, options: RecordOptions): Promise<{ record: ChunkRecord; kept: Bitfield }> {
    const { path, chunkCount, contentKey } = options
    const bytes = await readRecord(deps, path)
    const kept = replay(bytes, chunkCount, contentKey)
    const slotCount = Math.floor(bytes.length / RECORD_SLOT_BYTES)
    if (slotCount <= 2 * chunkCount) return { record: new ChunkRecord(deps, options, slotCount * RECORD_SLOT_BYTES), kept }
    await writeFile(`${path}.new`, Buffer.concat([...kept.members()].map(chunkId => slotOf(KEPT, chunkId, contentKey))))
    await rename(`${path}.new`, path)
    return { record: new ChunkRecord(deps, options, kept.count * RECORD_SLOT_BYTES), kept }
  }

  appendKept(chunkId: ChunkId): Promise<void> {
    return this.#append(slotOf(KEPT, chunkId, this.#contentKey))
  }

  appendLost(chunkIds: readonly ChunkId[]): Promise<void> {
    return this.#append(Buffer.concat(chunkIds.map(chunkId => slotOf(LOST, chunkId, this.#contentKey))))
  }

  /** The slots are taken before the write, so that two appends at once, or one that fails, never share or shift one. */
  async #append(slots: Uint8Array): Promise<void> {
    const positionBytes = this.#endBytes
    this.#endBytes += slots.length
    await this.#files.write({ path: this.#path, fileLengthBytes: undefined, positionBytes }, slots)
  }
}

function replay(bytes: Uint8Array, chunkCount: number, contentKey: string): Bitfield {
  const kept = new Bitfield(chunkCount)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + RECORD_SLOT_BYTES <= bytes.length; at += RECORD_SLOT_BYTES) {
    const operation = view.getUint8(at)
    const chunkId = view.getUint32(at + 4)
    if (operation !== KEPT && operation !== LOST) continue
    if (!slotOf(operation, chunkId, contentKey).equals(bytes.subarray(at, at + RECORD_SLOT_BYTES))) continue
    if (operation === KEPT) kept.add(chunkId)
    else kept.delete(chunkId)
  }
  return kept
}

/** Operation (1 byte), zeros (3), chunk (4), and a check over these and the song's content (8). */
function slotOf(operation: number, chunkId: ChunkId, contentKey: string): Buffer {
  const slot = Buffer.alloc(RECORD_SLOT_BYTES)
  slot.writeUInt8(operation, 0)
  slot.writeUInt32BE(chunkId, 4)
  Buffer.from(hash('sha256', `${contentKey}/${operation}/${chunkId}`), 'hex').copy(slot, 8, 0, 8)
  return slot
}

async function readRecord({ openFile }: RecordDeps, path: string): Promise<Uint8Array> {
  const handle = await openFile(path, constants.O_RDWR | constants.O_CREAT)
  try {
    return await readWhole(handle)
  } finally {
    await handle.close()
  }
}

async function readWhole(handle: ExtentHandle): Promise<Uint8Array> {
  const { size } = await handle.stat()
  const bytes = new Uint8Array(size)
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done)
    if (bytesRead === 0) return bytes.subarray(0, done)
    done += bytesRead
  }
  return bytes
}
