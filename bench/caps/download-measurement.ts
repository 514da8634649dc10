// What a peer with a download limit receives, from the origin, from another peer, or from both at once.
// Not the peer's own books: the kernel's counters of its sockets are read, HTTP headers and frames included.
// Invariant: only sockets towards the origin and the other peer count, each with its highest reading, also after it closed.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BenchTown } from '../bench-town.ts'
import { type RateFigures, rateFigures, sampled } from './rate-figures.ts'

const MEASURED_MS = 14_000
const CHUNK_SIZE_BYTES = 256 * 1024

export interface DownloadWish {
  readonly limit: number
  readonly source: 'origin' | 'peer' | 'both'
}

let lastNumber = 0

export async function measureDownload(town: BenchTown, { limit, source }: DownloadWish): Promise<RateFigures> {
  const number = ++lastNumber
  const songs = [await town.publish(Math.ceil((limit * 20) / CHUNK_SIZE_BYTES) * CHUNK_SIZE_BYTES)]
  // Of a song that nobody holds, everything comes from the origin.
  if (source === 'both') songs.push(await town.publish(Math.ceil((limit * 20) / CHUNK_SIZE_BYTES) * CHUNK_SIZE_BYTES))
  const holder = source === 'origin' ? undefined : await town.startPeer(`holder-${number}`, { flags: [`--song.id=${songs[0]}`] })
  if (holder !== undefined) await town.whenComplete(holder, songs[0] ?? '')
  const ports = [town.originPort, ...(holder === undefined ? [] : [(await town.status(holder)).uploadPort])]
  const received = new ReceivedBytes(ports)
  await received.forget()
  const wanted = songs.map(songId => `--song.id=${songId}`)
  const listener = await town.startPeer(`listener-${number}`, { flags: [...wanted, `--download-limit=${limit}`] })
  const samples = await sampled(() => received.total(), { forMs: MEASURED_MS, everyMs: 100 })
  await town.stopPeer(listener)
  if (holder !== undefined) await town.stopPeer(holder)
  return rateFigures(samples)
}

/** Bytes received by sockets that this machine's processes have opened towards some ports. */
class ReceivedBytes {
  readonly #ports: readonly number[]
  readonly #bytesBySocket = new Map<string, number>()
  readonly #earlier = new Set<string>()

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  /** Sockets open by now do not count. */
  async forget(): Promise<void> {
    for (const [socket] of await this.#read()) this.#earlier.add(socket)
  }

  async total(): Promise<number> {
    for (const [socket, bytes] of await this.#read())
      if (!this.#earlier.has(socket)) this.#bytesBySocket.set(socket, Math.max(bytes, this.#bytesBySocket.get(socket) ?? 0))
    return [...this.#bytesBySocket.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  async #read(): Promise<[socket: string, bytes: number][]> {
    const filter = this.#ports.map(port => `dport = :${port}`).join(' or ')
    const { stdout } = await promisify(execFile)('ss', ['-tinH', 'state', 'connected', `( ${filter} )`])
    const lines = stdout.split('\n')
    return lines.flatMap((line, index) => {
      const address = /(\S+:\d+)\s+(\S+:\d+)/.exec(line)
      if (address === null) return []
      const bytes = /bytes_received:(\d+)/.exec(lines[index + 1] ?? '')?.[1]
      return [[`${address[1]} ${address[2]}`, Number(bytes ?? 0)] satisfies [string, number]]
    })
  }
}
