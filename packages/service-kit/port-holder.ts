// Who listens on a port of this machine, as far as /proc tells.
// Not needed for anything but a better message: elsewhere than on Linux, or without rights, it says nothing.
// Invariant: never throws.

import { readdir, readFile, readlink } from 'node:fs/promises'
import { printable } from './printable-text.ts'

const LISTEN_STATE = '0A'

/** @returns ` by node (process 4242)`, or nothing where it cannot be known. */
export async function describePortHolder(port: number): Promise<string> {
  try {
    const inodes = await listeningInodes(port)
    return inodes.size === 0 ? '' : await holderOf(inodes)
  } catch {
    return '' // A message without the holder's name is still a message.
  }
}

async function listeningInodes(port: number): Promise<Set<string>> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(path => readFile(path, 'utf8').catch(() => '')))
  const inodes = new Set<string>()
  for (const line of tables.join('\n').split('\n')) {
    const [, localAddress, , state, , , , , , inode] = line.trim().split(/\s+/)
    if (localAddress?.endsWith(suffix) === true && state === LISTEN_STATE && inode !== undefined) inodes.add(`socket:[${inode}]`)
  }
  return inodes
}

async function holderOf(inodes: ReadonlySet<string>): Promise<string> {
  const processIds = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  for (const processId of processIds) {
    const files = await readdir(`/proc/${processId}/fd`).catch(() => [])
    for (const file of files) {
      const target = await readlink(`/proc/${processId}/fd/${file}`).catch(() => '')
      if (inodes.has(target)) return ` by ${await nameOf(processId)} (process ${processId})`
    }
  }
  return ''
}

async function nameOf(processId: string): Promise<string> {
  const name = await readFile(`/proc/${processId}/comm`, 'utf8').catch(() => '')
  return name.trim() === '' ? 'a program' : printable(name.trim())
}
