// The demo's story, act by act, on a town of real processes: who starts when, who dies when, and what is measured.
// Not the drawing (demo-stage.ts) and not the judgement (demo-result.ts).
// Invariant: every figure comes from a process's own counter or from bytes read back from it.

import { createHash } from 'node:crypto'
import { EvaError } from '@evastream/core/errors'
import type { Measurements, PeerResult } from './demo-result.ts'
import type { PeerSample, PeerWatch } from './peer-watch.ts'
import { type PublishedSong, type Town, uploadLimitOf } from './town.ts'

/** What the audience is told while it happens. */
export interface Stage {
  act(title: string): void
  note(text: string): void
}

export interface StoryParts {
  readonly town: Town
  readonly watch: PeerWatch
  readonly stage: Stage
}

export interface StoryOptions {
  readonly song: PublishedSong
  readonly peerCount: number
}

const DOWNLOAD_TIMEOUT_MS = 40_000
/** The last peer has this share of the song when the busiest sender is killed. */
const KILL_AT_RATIO = 0.25

export class DemoStory {
  readonly #parts: StoryParts
  readonly #options: StoryOptions
  readonly #wholePeers = new Set<string>()
  readonly #originBytesByPeer: number[] = []

  constructor(parts: StoryParts, options: StoryOptions) {
    this.#parts = parts
    this.#options = options
  }

  async play(): Promise<Measurements> {
    const { watch, stage } = this.#parts
    const { song, peerCount } = this.#options
    watch.start()
    stage.act(`${peerCount} peers arrive one after another`)
    for (let number = 1; number < peerCount; number++) await this.#download(peerName(number), this.#arrive)
    stage.act(`${peerName(peerCount)} arrives, and the peer that serves it most is killed midway`)
    await this.#download(peerName(peerCount), this.#arriveWhileOneDies)
    const originStoppedPeer = await this.#withoutOrigin(peerName(peerCount + 1))
    await watch.look()
    watch.stop()
    const peers = watch.samples.slice(0, peerCount).map(sample => this.#resultOf(sample))
    const { songId, fileSize: songBytes, sha256 } = song
    return { songId, songBytes, sha256, peers, originBytesByPeer: this.#originBytesByPeer, originStoppedPeer }
  }

  async #download(peerId: string, arrive: (peerId: string) => Promise<void>): Promise<void> {
    const before = await this.#originSentBytes()
    await arrive.call(this, peerId)
    await this.#becomeWhole(peerId)
    this.#originBytesByPeer.push((await this.#originSentBytes()) - before)
  }

  async #arrive(peerId: string): Promise<void> {
    const { town, watch } = this.#parts
    const { song } = this.#options
    const peer = await town.startPeer(peerId, song.songId, uploadLimitOf(song))
    watch.add(peerId, peer.url)
  }

  async #arriveWhileOneDies(peerId: string): Promise<void> {
    const { town, watch, stage } = this.#parts
    const before = new Map(watch.samples.map(sample => [sample.peerId, sample.sentBytes]))
    const given = (sample: PeerSample): number => sample.sentBytes - (before.get(sample.peerId) ?? sample.sentBytes)
    await this.#arrive(peerId)
    await watch.until(`the first quarter of ${peerId}'s download`, DOWNLOAD_TIMEOUT_MS, () => {
      const { chunksHeld = 0, chunkCount = 1 } = watch.sampleOf(peerId) ?? {}
      return chunksHeld >= Math.max(1, chunkCount * KILL_AT_RATIO) && watch.samples.some(sample => given(sample) > 0)
    })
    const [victim] = watch.samples.toSorted((a, b) => given(b) - given(a))
    if (victim === undefined || watch.sampleOf(peerId)?.isComplete === true)
      throw unfit(`${peerId} was served before a peer could be killed`)
    await town.killPeer(victim.peerId)
    stage.note(`${victim.peerId} was killed (SIGKILL) after ${given(victim)} bytes to ${peerId}; nothing told the others`)
  }

  async #withoutOrigin(peerId: string): Promise<Measurements['originStoppedPeer']> {
    const { town, watch, stage } = this.#parts
    stage.act(`The origin is stopped, and ${peerId} arrives`)
    await town.stopOrigin()
    await this.#arrive(peerId)
    await this.#becomeWhole(peerId)
    stage.act('The origin comes back')
    await town.restartOrigin()
    const reply = await fetch(`${town.originUrl}/chunk?songId=${this.#options.song.songId}&chunkId=0`, { method: 'HEAD' })
    if (!reply.ok) throw unfit(`the origin came back and answered with status ${reply.status}`)
    stage.note(`it answers again at ${town.originUrl}`)
    const sample = watch.sampleOf(peerId)
    return { peerId, complete: this.#wholePeers.has(peerId), originBytes: sample?.originBytes ?? 0 }
  }

  /** Waits until the peer says that it is complete, then reads the song back from its player and compares it bit for bit. */
  async #becomeWhole(peerId: string): Promise<void> {
    const { watch, stage } = this.#parts
    await watch.until(`${peerId}'s download`, DOWNLOAD_TIMEOUT_MS, () => watch.sampleOf(peerId)?.isComplete === true)
    const isWhole = (await this.#sha256Of(peerId)) === this.#options.song.sha256
    if (isWhole) this.#wholePeers.add(peerId)
    stage.note(`${peerId} has the whole song, ${isWhole ? 'bit for bit' : 'but not the one that was published'}`)
  }

  async #sha256Of(peerId: string): Promise<string> {
    const reply = await fetch(`${this.#parts.watch.urlOf(peerId)}/stream/${this.#options.song.songId}`)
    const hash = createHash('sha256')
    if (reply.ok && reply.body !== null) for await (const bytes of reply.body) hash.update(bytes)
    return hash.digest('hex')
  }

  async #originSentBytes(): Promise<number> {
    const text = await (await fetch(`${this.#parts.town.originUrl}/metrics`)).text()
    return Number(/^evastream_origin_sent_bytes_total(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1] ?? Number.NaN)
  }

  #resultOf({ peerId, originBytes, peerBytes, sentBytes, isComplete }: PeerSample): PeerResult {
    return { peerId, originBytes, peerBytes, sentBytes, complete: isComplete, sha256Ok: this.#wholePeers.has(peerId) }
  }
}

function peerName(number: number): string {
  return `peer-${number}`
}

function unfit(reason: string): EvaError {
  return new EvaError('EVA_DEMO_FAILED', { details: { reason } })
}
