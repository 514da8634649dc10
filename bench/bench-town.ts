// The processes of a measurement: the three services, a song of any size, and peers with any flags.
// Not the demo's town, and no story: it starts, publishes and stops.
// Invariant: `close` ends every process it started.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { KIB } from '@evastream/core/units'
import type { OriginStats } from '@evastream/protocol/origin-http'
import type { PeerStatus } from '@evastream/protocol/peer-http'
import type { SwarmReply, TrackerStats } from '@evastream/protocol/tracker-http'
import { loadConfig } from '@evastream/service-kit/config'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { ServiceProcess } from '../apps/evastream/demo/service-process.ts'
import { PROGRAM_PATH } from '../apps/evastream/repository-path.ts'
import { preprocessorOptions } from '../apps/preprocessor/config.ts'
import { publishSong } from '../apps/preprocessor/main.ts'
import { askFrom, type BenchHost, LOOPBACK, runOn } from './bench-host.ts'

interface Services {
  readonly metadata: ServiceProcess
  readonly tracker: ServiceProcess
  readonly origin: ServiceProcess
}

interface TownPlan {
  /** Where the three services run. */
  readonly host?: BenchHost
  readonly trackerFlags?: readonly string[]
}

interface PeerWords {
  readonly flags?: readonly string[]
  readonly host?: BenchHost
  /** What stands between the host and the program, like a profiler. */
  readonly through?: readonly string[]
}

export class BenchTown {
  readonly #directory: string
  readonly #services: Services
  readonly #host: BenchHost
  readonly #hosts = new Map<ServiceProcess, BenchHost>()
  #count = 0

  private constructor(directory: string, services: Services, host: BenchHost) {
    this.#directory = directory
    this.#services = services
    this.#host = host
  }

  static async open(directory: string, { host = LOOPBACK, trackerFlags = [] }: TownPlan = {}): Promise<BenchTown> {
    await mkdir(join(directory, 'logs'))
    const { through, address } = host
    const start = (verb: string, args: readonly string[]) => {
      const all = ['--port=0', `--host=${address}`, ...args]
      return ServiceProcess.start({ name: verb, verb, args: all, logDirectory: join(directory, 'logs'), through })
    }
    const metadata = await start('metadata', [`--data=${join(directory, 'metadata')}`])
    const origin = await start('origin', [`--storage=${join(directory, 'storage')}`])
    const tracker = await start('tracker', [`--metadata=${metadata.url}`, ...trackerFlags])
    return new BenchTown(directory, { metadata, origin, tracker }, host)
  }

  get services(): readonly ServiceProcess[] {
    return Object.values(this.#services)
  }

  logPathOf({ name }: ServiceProcess): string {
    return join(this.#directory, 'logs', `${name}.log`)
  }

  get originUrl(): string {
    return this.#services.origin.url
  }

  get originPort(): number {
    return Number(new URL(this.originUrl).port)
  }

  /** @returns its id */
  async publish(sizeBytes: number, chunkSizeBytes = 256 * KIB): Promise<string> {
    return this.publishBytes(mp3Bytes({ seed: this.#count + 1, sizeBytes }), chunkSizeBytes)
  }

  /** Audio, titled by its id. @returns its id */
  async publishBytes(bytes: Uint8Array, chunkSizeBytes = 256 * KIB): Promise<string> {
    const songId = `song-${++this.#count}`
    const path = join(this.#directory, `${songId}.mp3`)
    await writeFile(path, bytes)
    const places = [`--storage=${join(this.#directory, 'storage')}`, `--metadata=${this.#services.metadata.url}`]
    const token = `--token-file=${join(this.#directory, 'metadata', 'operator-token')}`
    const flags = [
      `--input=${path}`,
      `--songId=${songId}`,
      `--chunkSize=${chunkSizeBytes}`,
      '--quiet',
      `--title=${songId}`,
      token,
      ...places,
    ]
    if (this.#host === LOOPBACK) await publishHere(flags)
    else await runOn(this.#host, [process.execPath, PROGRAM_PATH, 'preprocess', ...flags])
    await rm(path)
    return songId
  }

  /** Songs of which the tracker knows a holder. */
  async heldSongCount(): Promise<number> {
    return ((await this.#ask('/stats')) as TrackerStats).songs
  }

  /** Holders of the song's chunks, added up. */
  async holdingCount(songId: string): Promise<number> {
    const { availability } = (await this.#ask(`/swarms/${songId}`)) as SwarmReply
    return availability.reduce((sum, holders) => sum + holders, 0)
  }

  /** What the origin says it has sent since it started: bytes of chunks, without headers. */
  async originSentBytes(): Promise<number> {
    return ((await askFrom(this.#host, `${this.#services.origin.url}/stats`)) as OriginStats).sentBytes
  }

  #ask(path: string): Promise<unknown> {
    return askFrom(this.#host, `${this.#services.tracker.url}${path}`)
  }

  async startPeer(peerId: string, { flags = [], host = LOOPBACK, through = [] }: PeerWords = {}): Promise<ServiceProcess> {
    const { metadata, tracker, origin } = this.#services
    const services = [`--metadata=${metadata.url}`, `--tracker=${tracker.url}`, `--origin=${origin.url}`]
    const places = [`--host=${host.address}`, '--http.port=0', `--data=${join(this.#directory, 'peers')}`]
    const peer = await ServiceProcess.start({
      name: `${peerId}-${++this.#count}`,
      verb: 'peer',
      args: [`--peer.id=${peerId}`, ...places, '--cache-size=0', ...services, ...flags],
      logDirectory: join(this.#directory, 'logs'),
      through: [...host.through, ...through],
    })
    this.#hosts.set(peer, host)
    return peer
  }

  async stopPeer(peer: ServiceProcess): Promise<void> {
    this.#hosts.delete(peer)
    await peer.stop()
  }

  /** As a power cut would end it. */
  async killPeer(peer: ServiceProcess): Promise<void> {
    this.#hosts.delete(peer)
    await peer.kill()
  }

  /** Of the peer's own loopback HTTP. */
  async ask(peer: ServiceProcess, path: string): Promise<unknown> {
    return askFrom(this.#hosts.get(peer) ?? LOOPBACK, `${peer.url}${path}`)
  }

  async status(peer: ServiceProcess): Promise<PeerStatus> {
    return (await this.ask(peer, '/api/status')) as PeerStatus
  }

  async whenComplete(peer: ServiceProcess, songId: string): Promise<void> {
    const isComplete = async () => (await this.status(peer)).songs.some(song => song.songId === songId && song.complete)
    await eventually('the song is complete', isComplete, { deadlineMs: 120_000 })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.keys(), ...this.services].map(process => process.stop()))
  }
}

async function publishHere(flags: readonly string[]): Promise<void> {
  const { values } = loadConfig(preprocessorOptions, { argv: flags, env: {} })
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  await publishSong(values, { stdout: silent, stderr: silent, isTerminal: false, env: {} })
}
