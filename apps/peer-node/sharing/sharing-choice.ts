// What the listener chose to share, kept over restarts in a small file of the peer's directory.
// Not what follows from it (sharing-switch.ts).
// Invariant: a setting of this start comes before what was chosen earlier; who has set and chosen nothing shares.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lossless, toStorageError } from '../store/storage-fault.ts'
import { SHARING_MODES, type SharingMode } from './sharing-mode.ts'

export interface SharingChoiceOptions {
  readonly directory: string
  /** By a flag, the environment or a file; undefined: none. */
  readonly setting: SharingMode | undefined
}

export class SharingChoice {
  readonly #path: string
  /** A setting says the mode at each start, whatever is chosen meanwhile. */
  readonly isSet: boolean
  mode: SharingMode

  private constructor({ path, isSet, mode }: { readonly path: string; readonly isSet: boolean; readonly mode: SharingMode }) {
    this.#path = path
    this.isSet = isSet
    this.mode = mode
  }

  static async open({ directory, setting }: SharingChoiceOptions): Promise<SharingChoice> {
    const path = join(directory, 'sharing-mode')
    const text = (await readFile(path, 'utf8').catch(lossless))?.trim()
    const chosen = SHARING_MODES.find(mode => mode === text)
    return new SharingChoice({ path, isSet: setting !== undefined, mode: setting ?? chosen ?? 'on' })
  }

  /** For the next start. @throws EvaError `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  async keep(mode: SharingMode): Promise<void> {
    try {
      await writeFile(`${this.#path}.new`, `${mode}\n`)
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw toStorageError(error)
    }
  }
}
