// Samples of large swarms, written out, each for a few of those who ask the same within a moment.
// Not a cache of answers: every asker gets a random sample; a few of them get the same one.
// Invariant: a sample serves USES_MAX askers and AGE_MAX_MS at the most, none that is in it, and nobody once the crowd's version has changed.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'

/** Smaller swarms are sampled for each asker: a list costs little there, and everybody should be met alike. */
export const CROWD_MIN = 512
/** Of each sample. */
const USES_MAX = 32
const AGE_MAX_MS = 250
/** Drawn at once and given in turns, so that askers in a row get different ones. */
export const STOCK = 4
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

interface Stock {
  readonly samples: readonly { readonly body: string; readonly peerIds: ReadonlySet<string> }[]
  readonly made: Question
  usesLeft: number
}

export class ReadySamples {
  /** By song, the ones drawn longest ago first. */
  readonly #stocks = new Map<string, Stock>()

  /** A sample that may be given to this asker, who then has had it. */
  take(songId: string, { exclude, limit, at, version }: Question): string | undefined {
    const stock = this.#stocks.get(songId)
    if (stock === undefined || stock.usesLeft <= 0) return undefined
    const { made, samples } = stock
    if (made.version !== version || made.limit !== limit || at - made.at >= AGE_MAX_MS) return undefined
    const sample = samples[stock.usesLeft % samples.length]
    if (sample === undefined || (exclude !== undefined && sample.peerIds.has(exclude))) return undefined
    stock.usesLeft--
    return sample.body
  }

  /** In turns, each as often as the others. */
  keep(songId: string, samples: readonly Sample[], made: Question): void {
    this.#stocks.delete(songId)
    const ready = samples.map(({ body, peerIds }) => ({ body, peerIds: new Set<string>(peerIds) }))
    this.#stocks.set(songId, { samples: ready, made, usesLeft: samples.length * USES_MAX })
    const [oldest] = this.#stocks.keys()
    if (this.#stocks.size > SONGS_MAX && oldest !== undefined) this.#stocks.delete(oldest)
  }
}
