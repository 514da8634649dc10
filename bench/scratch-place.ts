// A bench's scratch directory, gone however the bench ends, and the signals that make it end by the way on which acts run.
// Not those acts (apps/evastream/exit-acts.ts).
// Invariant: nothing stays behind when this process ends by itself or by a signal that can be heard.

import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from '../apps/evastream/exit-acts.ts'

const PARENT_LOOK_MS = 500

/**
 * A signal ends this process by the way on which acts of `atExit` run, however often it comes: a shell and a runner may both pass it on.
 * The end of whoever started it ends it, too: a runner that was killed passes nothing on.
 */
export function endOnSignals(): void {
  const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
  for (const [signal, number] of Object.entries(signals)) process.on(signal, () => process.exit(128 + number))
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && process.exit(128 + signals.SIGHUP), PARENT_LOOK_MS).unref()
}

/** @returns what `use` made of a directory that is gone afterwards. */
export async function inScratchPlace<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'evastream-bench-'))
  const forget = atExit(() => rmSync(directory, { recursive: true, force: true }))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
    forget()
  }
}
