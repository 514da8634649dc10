// The processes of a measurement: the three services, a song of any size, and peers with any flags.
// Not the demo's town, and no story: it starts, publishes and stops.
// Invariant: `close` ends every process it started.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { KIB } from '@evastream/core/units'
import type { PeerStatus } from '@evastream/protocol/peer-http'
import type { SwarmReply, TrackerStats } from '@evastream/protocol/tracker-http'
import { loadConfig } from '@evastream/service-kit/config'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { ServiceProcess } from '../apps/evastream/demo/service-process.ts'
import { preprocessorOptions } from '../apps/preprocessor/config.ts'
import { publishSong } from '../apps/preprocessor/main.ts'

interface Services {
  readonly metadata: ServiceProcess
  readonly tracker: ServiceProcess
  readonly origin: ServiceProcess
}

export class BenchTown {
  readonly #directory: string
  readonly #services: Services
  readonly #peers = new Set<ServiceProcess>()
  #count = 0

  private constructor(directory: string, services: Services) {
    this.#directory = directory
    this.#services = services
  }

  static async open(directory: string): Promise<BenchTown> {
    await mkdir(join(directory, 'logs'))
    const start = (verb: string, args: readonly string[]) =>
      ServiceProcess.start({ name: verb, verb, args: ['--port=0', ...args], logDirectory: join(directory, 'logs') })
    const metadata = await start('metadata', [`--data=${join(directory, 'metadata')}`])
    const origin = await start('origin', [`--storage=${join(directory, 'storage')}`])
    return new BenchTown(directory, { metadata, origin, tracker: await start('tracker', [`--metadata=${metadata.url}`]) })
  }

  get services(): readonly ServiceProcess[] {
    return Object.values(this.#services)
  }

  logPathOf({ name }: ServiceProcess): string {
    return join(this.#directory, 'logs', `${name}.log`)
  }

  get originPort(): number {
    return Number(new URL(this.#services.origin.url).port)
  }

  /** @returns its id */
  async publish(sizeBytes: number, chunkSizeBytes = 256 * KIB): Promise<string> {
    const songId = `song-${++this.#count}`
    const path = join(this.#directory, `${songId}.mp3`)
    await writeFile(path, mp3Bytes({ seed: this.#count, sizeBytes }))
    const places = [`--storage=${join(this.#directory, 'storage')}`, `--metadata=${this.#services.metadata.url}`]
    const token = `--token-file=${join(this.#directory, 'metadata', 'operator-token')}`
    const flags = [`--input=${path}`, `--songId=${songId}`, `--chunkSize=${chunkSizeBytes}`, '--quiet', token, ...places]
    const { values } = loadConfig(preprocessorOptions, { argv: flags, env: {} })
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    await publishSong(values, { stdout: silent, stderr: silent, isTerminal: false, env: {} })
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

  async #ask(path: string): Promise<unknown> {
    return (await fetch(`${this.#services.tracker.url}${path}`)).json()
  }

  /** `through`: as of a ServiceProcess. */
  async startPeer(peerId: string, flags: readonly string[] = [], through: readonly string[] = []): Promise<ServiceProcess> {
    const { metadata, tracker, origin } = this.#services
    const services = [`--metadata=${metadata.url}`, `--tracker=${tracker.url}`, `--origin=${origin.url}`]
    const own = [`--peer.id=${peerId}`, '--http.port=0', `--data=${join(this.#directory, 'peers')}`, '--cache-size=0']
    const peer = await ServiceProcess.start({
      name: `${peerId}-${++this.#count}`,
      verb: 'peer',
      args: [...own, ...services, ...flags],
      logDirectory: join(this.#directory, 'logs'),
      through,
    })
    this.#peers.add(peer)
    return peer
  }

  async stopPeer(peer: ServiceProcess): Promise<void> {
    this.#peers.delete(peer)
    await peer.stop()
  }

  async status(peer: ServiceProcess): Promise<PeerStatus> {
    return (await (await fetch(`${peer.url}/api/status`)).json()) as PeerStatus
  }

  async whenComplete(peer: ServiceProcess, songId: string): Promise<void> {
    const isComplete = async () => (await this.status(peer)).songs.some(song => song.songId === songId && song.complete)
    await eventually('the song is complete', isComplete, { deadlineMs: 120_000 })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#peers, ...Object.values(this.#services)].map((process: ServiceProcess) => process.stop()))
  }
}
