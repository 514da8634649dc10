// Programs of the machine that tests play songs with: whether they are here, and what to say when they are not.
// Not their installation: `.ci/run` does that where it may.
// Invariant: a check that cannot run is named with its reason, never passed over in silence.

import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { EvaError, toEvaError } from '@evastream/core/errors'

export interface ProgramOutcome {
  readonly stdout: Buffer
  readonly stderr: string
}

/** The reason to skip a check that needs all of these programs; undefined when they are here. */
export function missingReason(...names: string[]): string | undefined {
  const missing = names.filter(name => pathOf(name) === undefined)
  if (missing.length === 0) return undefined
  const reason = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`
  process.stderr.write(
    `skipped: what needs ${names.join(' and ')}, because ${reason} (Debian: apt-get install mpv vlc-bin vlc-plugin-base ffmpeg curl chromium)\n`,
  )
  return reason
}

/** Where the program is; undefined when it is not installed. */
export function pathOf(name: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map(directory => join(directory, name))
  return paths.find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const OUTPUT_MAX_BYTES = 256 * 1024 * 1024
const TIME_LIMIT_MS = 50_000

/** Runs a program to its end. @throws EvaError `EVA_INTERNAL` with what it said, when its exit code is not 0 */
export function runProgram(name: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<ProgramOutcome> {
  const options = { encoding: 'buffer', maxBuffer: OUTPUT_MAX_BYTES, timeout: TIME_LIMIT_MS, env } as const
  return new Promise((resolve, reject) => {
    execFile(name, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr: String(stderr) })
      else
        reject(new EvaError('EVA_INTERNAL', { details: { reason: `${name}: ${String(stderr).slice(-2000)}` }, cause: toEvaError(error) }))
    })
  })
}
