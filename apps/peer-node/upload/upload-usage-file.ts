// What was uploaded in a period, kept over restarts in a small file of the peer's directory.
// Not the counting (upload-cap.ts): it keeps what it is told.
// Invariant: the file is whole or absent, and says what was written last, whatever becomes of the process.

import { renameSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lossless, toStorageError } from '../store/storage-fault.ts'
import type { QuotaPeriod } from './quota-period.ts'

export interface UploadUsage extends QuotaPeriod {
  readonly usedBytes: number
}

export class UploadUsageFile {
  readonly #path: string

  constructor(options: { readonly directory: string }) {
    this.#path = join(options.directory, 'upload-usage.json')
  }

  /** Undefined when there is none, or none that makes sense: then counting starts anew. */
  async read(): Promise<UploadUsage | undefined> {
    const text = await readFile(this.#path, 'utf8').catch(lossless)
    return text === undefined ? undefined : usageOf(text)
  }

  /** Returns when a crash of the process would not lose it. @throws EvaError `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  write({ startsAtMs, endsAtMs, usedBytes }: UploadUsage): void {
    try {
      writeFileSync(`${this.#path}.new`, `${JSON.stringify({ startsAtMs, endsAtMs, usedBytes })}\n`)
      renameSync(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw toStorageError(error)
    }
  }
}

function usageOf(text: string): UploadUsage | undefined {
  try {
    const { startsAtMs, endsAtMs, usedBytes } = JSON.parse(text) as Record<keyof UploadUsage, unknown>
    return isCount(startsAtMs) && isCount(endsAtMs) && isCount(usedBytes) && startsAtMs < endsAtMs
      ? { startsAtMs, endsAtMs, usedBytes }
      : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
