// The token by which the tracker knows this node again after a restart, kept in the node's own directory.
// Not the operator's token, and worth nothing to anybody who cannot read this directory.
// Invariant: the file is whole or absent, and only its owner may read it.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lossless, toStorageError } from '../store/storage-fault.ts'

const TOKEN_EXPRESSION = /^[\x21-\x7e]{1,256}$/

export class PeerTokenFile {
  readonly #path: string

  constructor(options: { readonly directory: string }) {
    this.#path = join(options.directory, 'peer-token')
  }

  /** Undefined when there is none, or none that could be one: then the tracker makes a new one. */
  async read(): Promise<string | undefined> {
    const text = (await readFile(this.#path, 'utf8').catch(lossless))?.trim()
    return text !== undefined && TOKEN_EXPRESSION.test(text) ? text : undefined
  }

  /** @throws EvaError `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  async write(token: string): Promise<void> {
    try {
      await writeFile(`${this.#path}.new`, `${token}\n`, { mode: 0o600 })
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw toStorageError(error)
    }
  }
}
