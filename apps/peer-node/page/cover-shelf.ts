// The covers shown last, in memory: the origin is asked once for each, however many rows of a list show it.
// Not on the disk: a cover is no part of a song's audio, and there is music without it.
// Invariant: a cover that was shown once stays while the origin is away; one that is missing is asked for again after MISSING_FOR_MS.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { MIB, MINUTE_MS } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'
import { LRUCache } from 'lru-cache'

export interface Cover {
  readonly bytes: Uint8Array
  readonly mimeType: string
}

export interface CoverShelfDeps {
  readonly origin: { fetchCover(songId: SongId): Promise<Cover> }
  readonly clock: Clock
}

const SIZE_MAX_BYTES = 64 * MIB
/** What an entry costs besides its picture, and all that a missing one costs. */
const OVERHEAD_BYTES = 256
const MISSING_FOR_MS = 5 * MINUTE_MS

type Entry = { readonly kind: 'cover'; readonly cover: Cover } | { readonly kind: 'missing'; readonly until: number }

export class CoverShelf {
  readonly #deps: CoverShelfDeps
  readonly #entries = new LRUCache<SongId, Entry>({
    maxSize: SIZE_MAX_BYTES,
    sizeCalculation: entry => OVERHEAD_BYTES + (entry.kind === 'cover' ? entry.cover.bytes.length : 0),
  })
  readonly #asking = new Map<SongId, Promise<Entry>>()

  constructor(deps: CoverShelfDeps) {
    this.#deps = deps
  }

  /** @throws EvaError `EVA_COVER_NOT_FOUND`, or why the origin could not be asked */
  async take(songId: SongId): Promise<Cover> {
    const known = this.#entries.get(songId)
    const isFresh = known !== undefined && (known.kind === 'cover' || this.#deps.clock.now() < known.until)
    const entry = isFresh ? known : await this.#ask(songId)
    if (entry.kind === 'missing') throw new EvaError('EVA_COVER_NOT_FOUND', { details: { songId } })
    return entry.cover
  }

  /** One question at a time for each song. */
  #ask(songId: SongId): Promise<Entry> {
    const asked = this.#asking.get(songId) ?? this.#fetch(songId).finally(() => this.#asking.delete(songId))
    this.#asking.set(songId, asked)
    return asked
  }

  async #fetch(songId: SongId): Promise<Entry> {
    const entry = await this.#deps.origin.fetchCover(songId).then(
      (cover): Entry => ({ kind: 'cover', cover }),
      (thrown): Entry => {
        if (toEvaError(thrown).code !== 'EVA_COVER_NOT_FOUND') throw thrown
        return { kind: 'missing', until: this.#deps.clock.now() + MISSING_FOR_MS }
      },
    )
    this.#entries.set(songId, entry)
    return entry
  }
}
