// One process per directory: a lock that survives no crash of its holder.
// Not an OS lock (Node has none): files `lock-<generation>` name their holder, and the highest generation counts.
// Invariant: a generation is made at most once and never reused, so of two that take over a dead holder's lock one loses.

import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { lossless } from './storage-fault.ts'

export interface DirectoryLock {
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  /** When the process started, as the kernel counts; tells a reused pid from its earlier owner. Absent where /proc is. */
  readonly startedTicks?: string
  readonly bootId?: string
}

const LOCK_FILE = /^lock-(\d{1,15})$/
const RELEASED = 'released\n'
const ATTEMPTS_MAX = 20
let draftCount = 0

/** @throws EvaError `EVA_DIRECTORY_LOCKED` naming the living holder; `flag` is what chooses another directory. */
export async function lockDirectory(path: string, flag: string): Promise<DirectoryLock> {
  const me = JSON.stringify(await thisProcess())
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const newest = Math.max(0, ...(await generations(path)))
    const holder = newest === 0 ? undefined : await readHolder(lockPath(path, newest))
    if (holder !== undefined && (await isAlive(holder))) throw locked(path, flag, ` (process ${holder.pid})`)
    const mine = newest + 1
    if (!(await createWhole(lockPath(path, mine), me))) continue
    const found = await generations(path)
    if (found.some(generation => generation > mine)) {
      await rm(lockPath(path, mine), { force: true })
      continue
    }
    await Promise.all(found.filter(generation => generation < mine).map(generation => rm(lockPath(path, generation), { force: true })))
    return { release: () => replaceWhole(lockPath(path, mine), RELEASED) }
  }
  throw locked(path, flag, '')
}

async function generations(path: string): Promise<number[]> {
  const names = await readdir(path)
  return names.flatMap(name => {
    const match = LOCK_FILE.exec(name)
    return match === null ? [] : [Number(match[1])]
  })
}

/** Undefined when released, unreadable, or gone: then nobody holds it. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null
    return typeof holder?.pid === 'number' && Number.isInteger(holder.pid) && holder.pid > 0 ? (holder as Holder) : undefined
  } catch {
    return undefined // Released, or torn by a power cut: no living process left it so.
  }
}

/** The file appears with all of its content or not at all; false when its name was taken. */
async function createWhole(path: string, content: string): Promise<boolean> {
  const draft = draftPath(path)
  await writeFile(draft, content)
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function replaceWhole(path: string, content: string): Promise<void> {
  const draft = draftPath(path)
  await writeFile(draft, content)
  await rename(draft, path)
}

async function thisProcess(): Promise<Holder> {
  const [startedTicks, bootId] = await Promise.all([startedTicksOf(process.pid), readBootId()])
  return { pid: process.pid, ...(startedTicks === undefined ? {} : { startedTicks }), ...(bootId === undefined ? {} : { bootId }) }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const bootId = await readBootId()
  if (bootId !== undefined && holder.bootId !== undefined && holder.bootId !== bootId) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  if (holder.startedTicks === undefined) return true
  return (await startedTicksOf(holder.pid)) === holder.startedTicks
}

/** Undefined for a process that is gone, only a zombie, or on a system without /proc. */
async function startedTicksOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(lossless)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

async function readBootId(): Promise<string | undefined> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(lossless))?.trim()
}

/** A name that no other taker uses, in this process or another. */
function draftPath(path: string): string {
  return `${path}.${process.pid}-${draftCount++}`
}

function lockPath(path: string, generation: number): string {
  return join(path, `lock-${generation}`)
}

function locked(path: string, flag: string, holder: string): EvaError {
  return new EvaError('EVA_DIRECTORY_LOCKED', { details: { path, flag, holder } })
}
