// The demo's town: three services and any number of peers as real processes on free loopback ports, in one directory.
// Not the story: what happens when is demo-story.ts.
// Invariant: whatever it started it stops, unless it was told to keep everything.

import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EvaError } from '@evastream/core/errors'
import { PROGRAM_PATH } from '../repository-path.ts'
import { ServiceProcess } from './service-process.ts'

export interface TownOptions {
  readonly directory: string
  /** Leave the processes running when this one ends. */
  readonly keep: boolean
}

export interface PublishedSong {
  readonly songId: string
  readonly title: string
  readonly fileSize: number
  readonly chunkCount: number
  readonly chunkSize: number
  readonly sha256: string
}

/** A lone sender needs about this long for the song, so that the eye can follow and a kill hits the middle of a transfer. */
const LONE_SENDER_SECONDS = 4

/** Bytes a second that each peer of the demo may give. */
export function uploadLimitOf({ fileSize }: PublishedSong): number {
  return Math.ceil(fileSize / LONE_SENDER_SECONDS)
}

interface Services {
  readonly metadata: ServiceProcess
  readonly tracker: ServiceProcess
  origin: ServiceProcess
}

export class Town {
  readonly #options: TownOptions
  readonly #peers = new Map<string, ServiceProcess>()
  readonly #starts = new Set<Promise<ServiceProcess>>()
  readonly #started: ServiceProcess[] = []
  #isClosed = false
  #originReturns = 0
  #services: Services | undefined

  constructor(options: TownOptions) {
    this.#options = options
  }

  get directory(): string {
    return this.#options.directory
  }

  get originUrl(): string {
    return this.#running.origin.url
  }

  get serviceUrls(): { readonly metadata: string; readonly tracker: string; readonly origin: string } {
    const { metadata, tracker, origin } = this.#running
    return { metadata: metadata.url, tracker: tracker.url, origin: origin.url }
  }

  /** What it started and what still runs, in the order of the starts. */
  get processes(): readonly ServiceProcess[] {
    return this.#started.filter(process => !process.hasEnded)
  }

  async open(): Promise<void> {
    await mkdir(this.#logDirectory, { recursive: true })
    const [metadata, origin] = await Promise.all([
      this.#start('metadata', 'metadata', ['--port=0', `--data=${this.#path('metadata')}`]),
      this.#start('origin', 'origin', ['--port=0', `--storage=${this.#storage}`]),
    ])
    const tracker = await this.#start('tracker', 'tracker', ['--port=0', `--metadata=${metadata.url}`])
    this.#services = { metadata, tracker, origin }
  }

  async publish(inputPath: string, chunkSize: number): Promise<PublishedSong> {
    const args = [
      `--input=${inputPath}`,
      `--chunkSize=${chunkSize}`,
      `--storage=${this.#storage}`,
      `--metadata=${this.#running.metadata.url}`,
    ]
    const command = [PROGRAM_PATH, 'preprocess', ...args, `--token-file=${join(this.#path('metadata'), 'operator-token')}`, '--json']
    try {
      const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 64 * 1024 * 1024 })
      return JSON.parse(stdout) as PublishedSong
    } catch (cause) {
      const words = (cause as { stderr?: string }).stderr?.trim() || String(cause)
      throw new EvaError('EVA_DEMO_FAILED', { details: { reason: `the song was not published: ${words}` }, cause })
    }
  }

  async startPeer(peerId: string, songId: string, uploadLimitBytesPerSecond: number): Promise<ServiceProcess> {
    const { metadata, tracker, origin } = this.#running
    const peer = await this.#start(peerId, 'peer', [
      `--peer.id=${peerId}`,
      '--peer.port=0',
      '--http.port=0',
      `--data=${this.#path(`peers/${peerId}`)}`,
      `--metadata=${metadata.url}`,
      `--tracker=${tracker.url}`,
      `--origin=${origin.url}`,
      `--song.id=${songId}`,
      `--upload-limit=${uploadLimitBytesPerSecond}`,
    ])
    this.#peers.set(peerId, peer)
    return peer
  }

  async killPeer(peerId: string): Promise<void> {
    await this.#peers.get(peerId)?.kill()
  }

  async stopOrigin(): Promise<void> {
    await this.#running.origin.stop()
  }

  /** Starts the origin again where it was, on the same port and directory. */
  async restartOrigin(): Promise<void> {
    const { port } = new URL(this.#running.origin.url)
    const name = ++this.#originReturns === 1 ? 'origin-again' : `origin-again-${this.#originReturns}`
    this.#running.origin = await this.#start(name, 'origin', [`--port=${port}`, `--storage=${this.#storage}`])
  }

  /** Stops what runs and what is just starting, and removes the directory; or, with `keep`, leaves everything. */
  async close(): Promise<void> {
    if (this.#options.keep) return
    this.#isClosed = true
    await Promise.allSettled(this.#starts)
    await Promise.all([...this.#peers.values()].map(peer => peer.stop()))
    await Promise.all(this.#started.map(process => process.stop()))
    await rm(this.#options.directory, { recursive: true, force: true })
  }

  get #running(): Services {
    if (this.#services === undefined) throw new EvaError('EVA_NOT_READY', { details: { reason: 'the services are not started' } })
    return this.#services
  }

  get #storage(): string {
    return this.#path('origin-storage')
  }

  get #logDirectory(): string {
    return this.#path('logs')
  }

  #path(name: string): string {
    return join(this.#options.directory, name)
  }

  #start(name: string, verb: string, args: readonly string[]): Promise<ServiceProcess> {
    if (this.#isClosed) throw new EvaError('EVA_CANCELLED')
    const start = ServiceProcess.start({ name, verb, args, logDirectory: this.#logDirectory, outlives: this.#options.keep })
    this.#starts.add(start)
    void start.then(
      process => this.#started.push(process),
      () => undefined,
    )
    return start
  }
}
