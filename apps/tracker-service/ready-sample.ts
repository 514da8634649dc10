// Samples of large swarms, written out, each for the next few who ask the same within a moment.
// Not a cache of answers: every asker gets a random sample; a few of them in a row get the same one.
// Invariant: a sample serves USES_MAX askers and AGE_MAX_MS at the most, none that is in it, and nobody once the crowd's version has changed.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'

/** Smaller swarms are sampled for each asker: a list costs little there, and everybody should be met alike. */
export const CROWD_MIN = 512
const USES_MAX = 16
const AGE_MAX_MS = 250
const SONGS_MAX = 64

interface Question {
  /** Who must not be named. */
  readonly exclude: string | undefined
  readonly limit: number | undefined
  readonly at: Millis
  /** Of the books that an answer is made from. */
  readonly version: number
}

export interface Sample {
  readonly body: string
  readonly peerIds: readonly PeerId[]
}

interface ReadySample {
  readonly body: string
  readonly peerIds: ReadonlySet<string>
  readonly made: Question
  usesLeft: number
}

export class ReadySamples {
  /** By song, the one drawn longest ago first. */
  readonly #samples = new Map<string, ReadySample>()

  /** One that may be given to this asker, who then has had it. */
  take(songId: string, { exclude, limit, at, version }: Question): string | undefined {
    const sample = this.#samples.get(songId)
    if (sample === undefined || sample.usesLeft <= 0) return undefined
    const { made, body, peerIds } = sample
    if (made.version !== version || made.limit !== limit || at - made.at >= AGE_MAX_MS) return undefined
    if (exclude !== undefined && peerIds.has(exclude)) return undefined
    sample.usesLeft--
    return body
  }

  keep(songId: string, { body, peerIds }: Sample, made: Question): void {
    this.#samples.delete(songId)
    this.#samples.set(songId, { body, peerIds: new Set(peerIds), made, usesLeft: USES_MAX })
    const [oldest] = this.#samples.keys()
    if (this.#samples.size > SONGS_MAX && oldest !== undefined) this.#samples.delete(oldest)
  }
}
