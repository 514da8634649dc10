// Files that arrive over the page: written to the disk as they come, handed over, and gone again.
// Not their publishing, and not the judging of what they hold.
// Invariant: a file that did not arrive whole is handed to nobody, and none stays behind, also not from a process that was killed.

import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EvaError } from '@evastream/core/errors'
import { errnoOf } from '@evastream/service-kit/data-directories'
import { randomToken } from '@evastream/service-kit/token-generator'

const UPLOADS_AT_ONCE_MAX = 8
const RETRY_AFTER_MS = 2_000
/** What every file system takes, in UTF-8. */
const NAME_SIZE_MAX_BYTES = 255
/** Nobody else's directories begin so, should the operator keep our data among files of their own. */
const DIRECTORY_PREFIX = 'evastream-upload-'

export class UploadFiles {
  readonly #directory: string
  #count = 0

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async open(directory: string): Promise<UploadFiles> {
    await mkdir(directory, { recursive: true })
    const left = (await readdir(directory)).filter(name => name.startsWith(DIRECTORY_PREFIX))
    for (const name of left) await rm(join(directory, name), { recursive: true, force: true })
    return new UploadFiles(directory)
  }

  /** @param name what the uploader calls it: its title, if it has no tags. @throws EvaError `EVA_LIMIT_REACHED`, `EVA_STORAGE_FULL` */
  async receive<T>(name: string, source: Readable, use: (path: string) => Promise<T>): Promise<T> {
    if (this.#count >= UPLOADS_AT_ONCE_MAX)
      throw new EvaError('EVA_LIMIT_REACHED', { details: { what: 'uploads', limit: UPLOADS_AT_ONCE_MAX, retryAfterMs: RETRY_AFTER_MS } })
    this.#count++
    const directory = join(this.#directory, `${DIRECTORY_PREFIX}${randomToken(9)}`)
    try {
      await mkdir(directory)
      const path = join(directory, fileNameOf(name))
      await pipeline(source, createWriteStream(path, { flags: 'wx' })).catch(refuse)
      return await use(path).catch(thrown => {
        throw underItsName(thrown, path, name)
      })
    } finally {
      this.#count--
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** One plain name, however it was called. */
function fileNameOf(name: string): string {
  const plain = basename(name.replaceAll('\\', '/'))
    .replace(/[\p{Cc}/]/gu, ' ')
    .replace(/^\.+/, '')
    .trim()
  return endOf(plain, NAME_SIZE_MAX_BYTES) || 'upload'
}

/** The end, for the ending tells what kind of file it is. */
function endOf(text: string, sizeMaxBytes: number): string {
  const characters = Array.from(text)
  let sizeBytes = 0
  const last = characters.findLastIndex(character => {
    sizeBytes += Buffer.byteLength(character)
    return sizeBytes > sizeMaxBytes
  })
  return characters.slice(last + 1).join('')
}

/** Where it lay for a moment means nothing to who sent it. */
function underItsName(thrown: unknown, path: string, name: string): unknown {
  if (!(thrown instanceof EvaError) || thrown.details.path !== path) return thrown
  return new EvaError(thrown.code, { details: { ...thrown.details, path: fileNameOf(name) }, cause: thrown })
}

function refuse(cause: unknown): never {
  const reason = errnoOf(cause)
  if (reason === 'ENOSPC' || reason === 'EDQUOT') throw new EvaError('EVA_STORAGE_FULL', { cause })
  if (reason === 'ERR_STREAM_PREMATURE_CLOSE' || reason === 'ECONNRESET') throw new EvaError('EVA_CANCELLED', { cause })
  throw new EvaError('EVA_STORAGE_FAILED', { details: { reason }, cause })
}
