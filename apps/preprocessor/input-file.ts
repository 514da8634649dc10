// The file that is published: opened once, read from its beginning to its end, and watched for changes meanwhile.
// Not its meaning: the chunker cuts it and the tag reader understands it.
// Invariant: whoever read all its bytes and passed `checkUnchanged` has read one state of the file, not a mixture.

import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { EvaError } from '@evastream/core/errors'
import { FILE_SIZE_MAX_BYTES } from '@evastream/core/manifest'
import { MIB } from '@evastream/core/units'
import { errnoOf } from '@evastream/service-kit/data-directories'

const READ_SIZE_BYTES = MIB

export class InputFile {
  readonly path: string
  readonly sizeBytes: number
  readonly #handle: FileHandle
  readonly #facts: BigIntStats

  constructor(deps: { readonly handle: FileHandle; readonly facts: BigIntStats }, path: string) {
    this.path = path
    this.sizeBytes = Number(deps.facts.size)
    this.#handle = deps.handle
    this.#facts = deps.facts
  }

  /**
   * All bytes from the beginning, in parts that share one buffer: a part is overwritten when the next one is asked for.
   * @throws EvaError `EVA_INPUT_CHANGED` when there are more or fewer than there were, `EVA_INPUT_UNREADABLE`, `EVA_CANCELLED`
   */
  async *bytes(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(Math.min(READ_SIZE_BYTES, this.sizeBytes))
    for (let position = 0; ; ) {
      if (signal?.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
      const count = await this.#read(buffer, position)
      position += count
      if (position > this.sizeBytes || (count === 0 && position < this.sizeBytes)) throw this.#changed()
      if (count === 0) return
      yield buffer.subarray(0, count)
    }
  }

  /** @throws EvaError `EVA_INPUT_CHANGED` when it was written, replaced or removed since it was opened. */
  async checkUnchanged(): Promise<void> {
    const named = await stat(this.path, { bigint: true }).catch(cause => this.#vanished(cause))
    if (!isSame(this.#facts, named)) throw this.#changed()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #read(buffer: Uint8Array, position: number): Promise<number> {
    try {
      return (await this.#handle.read(buffer, 0, buffer.length, position)).bytesRead
    } catch (cause) {
      throw unreadable(this.path, cause)
    }
  }

  #vanished(cause: unknown): never {
    throw this.#changed(cause)
  }

  #changed(cause?: unknown): EvaError {
    return new EvaError('EVA_INPUT_CHANGED', { details: { path: this.path }, cause })
  }
}

/** @throws EvaError `EVA_INPUT_MISSING`, `_NOT_A_FILE`, `_EMPTY`, `_UNREADABLE`, or `EVA_MANIFEST_INVALID` for one that is too large. */
export async function openInputFile(path: string): Promise<InputFile> {
  // Looked at before it is opened: opening a pipe would wait for whoever writes to it.
  refuseUnfit(path, await lookAt(path))
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  try {
    const facts = await handle.stat({ bigint: true })
    refuseUnfit(path, facts)
    return new InputFile({ handle, facts }, path)
  } catch (thrown) {
    await handle.close()
    throw thrown
  }
}

async function lookAt(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true })
  } catch (cause) {
    const reason = errnoOf(cause)
    if (reason === 'ENOENT' || reason === 'ENOTDIR') throw new EvaError('EVA_INPUT_MISSING', { details: { path }, cause })
    throw unreadable(path, cause)
  }
}

function refuseUnfit(path: string, facts: BigIntStats): void {
  if (!facts.isFile()) throw new EvaError('EVA_INPUT_NOT_A_FILE', { details: { path } })
  if (facts.size === 0n) throw new EvaError('EVA_INPUT_EMPTY', { details: { path } })
  if (facts.size > BigInt(FILE_SIZE_MAX_BYTES)) {
    const reason = `${path} has ${facts.size} bytes, and a song has at most ${FILE_SIZE_MAX_BYTES}`
    throw new EvaError('EVA_MANIFEST_INVALID', { details: { field: 'fileSize', reason } })
  }
}

function isSame(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.ino === after.ino && before.dev === after.dev
}

function unreadable(path: string, cause: unknown): EvaError {
  return new EvaError('EVA_INPUT_UNREADABLE', { details: { path, reason: errnoOf(cause) }, cause })
}
