// What a process has taken of this machine so far, as the kernel counts it.
// Not a sampler: it is asked, and answers from /proc; on another system there is nothing to ask.
// Invariant: figures of one process only grow.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { assert } from '@evastream/core/assert'
import { MIB } from '@evastream/core/units'

const KIB_PER_MIB = 1024
/** Of /proc/PID/stat, counted behind the name: user time, system time, and the same of children that were waited for. */
const USER_TIME_FIELD = 11
const TIME_FIELD_COUNT = 4

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

export interface Countable {
  readonly pid: number | undefined
}

/** Its own time, and that of its children that have ended. */
export function cpuSecondsOf(process: Countable): number {
  const fields =
    readFileSync(`/proc/${pidOf(process)}/stat`, 'utf8')
      .split(') ')
      .at(-1)
      ?.split(' ') ?? []
  const ticks = fields.slice(USER_TIME_FIELD, USER_TIME_FIELD + TIME_FIELD_COUNT).reduce((sum, field) => sum + Number(field), 0)
  assert(Number.isFinite(ticks), 'the kernel tells how long a process ran')
  return ticks / ticksPerSecond
}

/** The most memory it has had at once. */
export function peakMemoryBytesOf(process: Countable): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pidOf(process)}/status`, 'utf8'))?.[1]
  assert(kib !== undefined, 'the kernel tells how much memory a process had')
  return (Number(kib) / KIB_PER_MIB) * MIB
}

/** How busy the machine is with anything, ours included: processes that run or wait to, over the last minute. */
export function machineLoad(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0])
}

function pidOf({ pid }: Countable): number {
  assert(pid !== undefined, 'the process was started')
  return pid
}
