// Watches the peers of the demo through their own /api/status, several times a second, and keeps each one's last sample.
// Not a judge: it only looks, and a peer that no longer answers keeps the sample it had.
// Invariant: a sample is what the peer said of itself, never a guess.

import { EvaError } from '@evastream/core/errors'
import type { Timers } from '@evastream/service-kit/system-clock'

export interface PeerSample {
  readonly peerId: string
  readonly chunksHeld: number
  readonly chunkCount: number
  readonly isComplete: boolean
  readonly originBytes: number
  readonly peerBytes: number
  readonly sentBytes: number
  /** It answers no more: these are its last figures. */
  readonly isGone: boolean
}

interface StatusReply {
  readonly songs: readonly {
    readonly songId: string
    readonly chunkCount: number
    readonly chunksHeld: number
    readonly complete: boolean
  }[]
  readonly received: { readonly originBytes: number; readonly peerBytes: number }
  readonly sentBytes: number
}

export interface PeerWatchOptions {
  readonly songId: string
  readonly intervalMs: number
}

type Condition = () => boolean

export class PeerWatch {
  readonly #timers: Timers
  readonly #options: PeerWatchOptions
  readonly #urls = new Map<string, string>()
  readonly #samples = new Map<string, PeerSample>()
  readonly #listeners = new Set<() => void>()
  readonly #waits = new Set<() => void>()
  #stopTimer: (() => void) | undefined
  #isLooking = false

  constructor({ timers }: { readonly timers: Timers }, options: PeerWatchOptions) {
    this.#timers = timers
    this.#options = options
  }

  start(): void {
    this.#stopTimer = this.#timers.every(this.#options.intervalMs, () => void this.look())
  }

  /** Ends the looking; whoever still waits gets `EVA_CANCELLED`. */
  stop(): void {
    this.#stopTimer?.()
    for (const cancel of [...this.#waits]) cancel()
  }

  add(peerId: string, url: string): void {
    this.#urls.set(peerId, url)
  }

  /** Every peer's last sample, in the order in which the peers were added. */
  get samples(): readonly PeerSample[] {
    return [...this.#urls.keys()].flatMap(peerId => this.#samples.get(peerId) ?? [])
  }

  sampleOf(peerId: string): PeerSample | undefined {
    return this.#samples.get(peerId)
  }

  /** @throws EvaError `EVA_PEER_UNKNOWN` */
  urlOf(peerId: string): string {
    const url = this.#urls.get(peerId)
    if (url === undefined) throw new EvaError('EVA_PEER_UNKNOWN', { details: { peerId } })
    return url
  }

  onLook(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Resolves when the condition holds after a look. @throws EvaError `EVA_DEMO_FAILED` saying what was waited for. */
  async until(what: string, timeoutMs: number, condition: Condition): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        this.#listeners.delete(check)
        this.#waits.delete(cancel)
        stopTimer()
        outcome()
      }
      const check = (): void => {
        if (condition()) settle(resolve)
      }
      const cancel = (): void => settle(() => reject(new EvaError('EVA_CANCELLED')))
      const tooLate = new EvaError('EVA_DEMO_FAILED', { details: { reason: `${what} took more than ${timeoutMs / 1000} s` } })
      const stopTimer = this.#timers.after(timeoutMs, () => settle(() => reject(tooLate)))
      this.#listeners.add(check)
      this.#waits.add(cancel)
      check()
    })
  }

  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    await Promise.all([...this.#urls].map(([peerId, url]) => this.#sample(peerId, url)))
    this.#isLooking = false
    for (const listener of [...this.#listeners]) listener()
  }

  async #sample(peerId: string, url: string): Promise<void> {
    const reply = await fetch(`${url}/api/status`, { signal: AbortSignal.timeout(2000) }).catch(gone)
    const last = this.#samples.get(peerId)
    if (reply === undefined && last !== undefined) this.#samples.set(peerId, { ...last, isGone: true })
    if (reply === undefined || !reply.ok) return
    const { songs, received, sentBytes } = (await reply.json()) as StatusReply
    const song = songs.find(({ songId }) => songId === this.#options.songId)
    this.#samples.set(peerId, {
      peerId,
      chunksHeld: song?.chunksHeld ?? 0,
      chunkCount: song?.chunkCount ?? 0,
      isComplete: song?.complete ?? false,
      ...received,
      sentBytes,
      isGone: false,
    })
  }
}

/** A killed peer answers no more, which is part of the story. */
function gone(): undefined {
  return undefined
}
