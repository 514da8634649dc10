// A tracker with a crowd in it, in a process of its own, and the process that puts load on it.
// Not the measuring: it says what requests a crowd's peers would send.
// Invariant: the tracker is the built program with its defaults; `close` ends both processes and the metadata service they ask.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { songFixture } from '@evastream/testkit/song-fixture'
import { ServiceProcess } from '../../apps/evastream/demo/service-process.ts'
import type { LoadFigures, ServerFacts } from './call-measurement.ts'
import { BenchProcess } from './child-process.ts'

const SONG_ID = 'song-1'
const CHUNK_COUNT = 40

export class CrowdedTracker {
  readonly load: BenchProcess
  readonly #tracker: ServiceProcess
  readonly #directory: string
  readonly #metadata: { readonly url: string; close(): Promise<void> }
  readonly #peerCount: number

  private constructor({ metadata, tracker, directory }: CrowdParts, { peerCount }: CrowdOptions) {
    this.#metadata = metadata
    this.#tracker = tracker
    this.#directory = directory
    this.#peerCount = peerCount
    this.load = new BenchProcess('./load/main.ts')
  }

  static async open(options: CrowdOptions): Promise<CrowdedTracker> {
    const { manifest } = songFixture({ songId: SONG_ID, fileSize: CHUNK_COUNT * 16_384, chunkSize: 16_384 })
    const metadata = await loopbackHttp((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', etag: '"1"' }).end(JSON.stringify(manifest))
    })
    const directory = await mkdtemp(join(tmpdir(), 'evastream-tracker-'))
    const args = ['--port=0', `--metadata=${metadata.url}`, '--peer.expiresAfterMs=3600000', '--log.level=error']
    const tracker = await ServiceProcess.start({ name: 'tracker', verb: 'tracker', args, logDirectory: directory })
    const town = new CrowdedTracker({ metadata, tracker, directory }, options)
    await town.#fill()
    return town
  }

  async facts(): Promise<ServerFacts> {
    const figures = await (await fetch(`${this.#tracker.url}/metrics`)).text()
    const cpuSeconds = Number(/^process_cpu_seconds_total (\S+)/m.exec(figures)?.[1])
    return { port: Number(new URL(this.#tracker.url).port), cpuMs: cpuSeconds * 1000 }
  }

  /** As every peer sends one every ten seconds. */
  heartbeats(): string[] {
    return this.#each(number => {
      const totals = { originBytes: number * 1000, peerBytes: number * 9000, sentBytes: number * 8000 }
      return post('/heartbeat', { peerId: peerIdOf(number), uplinkBytesPerSecond: 2_500_000, ...totals }, tokenOf(number))
    })
  }

  /** As the peers' client asks. */
  questionsForPeers(): string[] {
    return this.#each(number => get(`/peers?songId=${SONG_ID}&format=bitmap&limit=30&exclude=${peerIdOf(number)}`))
  }

  async close(): Promise<void> {
    this.load.close()
    await this.#tracker.stop()
    await this.#metadata.close()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #fill(): Promise<void> {
    const { port } = await this.facts()
    const registrations = this.#each(number => post('/register', { peerId: peerIdOf(number), port: 1024 + number }, tokenOf(number)))
    const chunkIds = Array.from({ length: CHUNK_COUNT }, (_, chunkId) => chunkId)
    const announcements = this.#each(number => {
      const held = chunkIds.filter(chunkId => (chunkId * 7 + number) % 3 !== 0)
      return post('/chunk-acquired', { peerId: peerIdOf(number), songId: SONG_ID, chunkIds: held }, tokenOf(number))
    })
    for (const requests of [registrations, announcements]) await this.load.ask<LoadFigures>({ port, requests, connections: 16 })
  }

  #each(request: (number: number) => string): string[] {
    return Array.from({ length: this.#peerCount }, (_, number) => request(number))
  }
}

export interface CrowdOptions {
  readonly peerCount: number
}

interface CrowdParts {
  readonly metadata: { readonly url: string; close(): Promise<void> }
  readonly tracker: ServiceProcess
  readonly directory: string
}

function peerIdOf(number: number): string {
  return `peer-${String(number).padStart(7, '0')}`
}

function tokenOf(number: number): string {
  return String(number).padStart(43, 'x')
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n`
}

function post(path: string, body: object, token: string): string {
  const text = JSON.stringify(body)
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'accept: application/json',
    'content-type: application/json',
    `authorization: Bearer ${token}`,
    `content-length: ${Buffer.byteLength(text)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}
