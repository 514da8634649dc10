// Which songs exist, as the metadata service says: only those are tracked.
// Not the swarms: the registry has them, and its owner forgets the songs that `revalidate` names.
// Invariant: one question at a time per song, a bounded number at once; a known song stays known while the metadata service is
// down, and a deleted or replaced one is known for at most two intervals of revalidation. An outage costs one line, its end another.

import { hash } from 'node:crypto'
import type { MetadataClient } from '@evastream/clients/metadata-client'
import { type ErrorCode, EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { type Millis, SECOND_MS } from '@evastream/core/units'

export interface SongDirectoryDeps {
  readonly metadata: Pick<MetadataClient, 'lookUpSong'>
  readonly clock: { now(): Millis }
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

export interface SongDirectoryOptions {
  /** Where the metadata service is asked, for the log. */
  readonly metadataUrl: string
}

/** Twice this, and the minute in which a deleted song is to be forgotten is not over. */
export const REVALIDATION_INTERVAL_MS = 20 * SECOND_MS
const MISSING_REMEMBERED_MS = 5 * SECOND_MS
const MISSING_KEPT_MAX = 10_000
const LOOKUPS_AT_ONCE_MAX = 64
const REVALIDATIONS_AT_ONCE = 8
/** So many failures in one round, and the metadata service is taken to be down until the next. */
const FAILURES_MAX = 16
const RETRY_AFTER_MS = 2 * SECOND_MS

/** What the tracker needs to know of a song. */
export interface SongShape {
  readonly chunkCount: number
  readonly chunkSizeBytes: number
}

interface KnownSong extends SongShape {
  readonly version: string | undefined
  /** Tells a song that was deleted and published anew with other audio from one whose title was edited. */
  readonly fingerprint: string
  readonly checkedAt: Millis
}

export class SongDirectory {
  readonly #deps: SongDirectoryDeps
  readonly #options: SongDirectoryOptions
  readonly #known = new Map<SongId, KnownSong>()
  /** When each was last found missing, the longest ago first. */
  readonly #missing = new Map<SongId, Millis>()
  readonly #lookups = new Map<SongId, Promise<KnownSong | undefined>>()
  /** What the metadata service failed with last, while it does. */
  #outageCode: ErrorCode | undefined

  constructor(deps: SongDirectoryDeps, options: SongDirectoryOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND`, `EVA_NOT_READY` when nobody can say, `EVA_LIMIT_REACHED` when too many ask. */
  async chunkCountOf(songId: SongId): Promise<number> {
    return (await this.shapeOf(songId)).chunkCount
  }

  /** Undefined for a song that would have to be looked up first. */
  knownShape(songId: SongId): SongShape | undefined {
    return this.#known.get(songId)
  }

  /** @throws as `chunkCountOf` does. */
  async shapeOf(songId: SongId): Promise<SongShape> {
    const known = this.#known.get(songId)
    if (known !== undefined) return known
    const missingSince = this.#missing.get(songId)
    if (missingSince !== undefined && this.#deps.clock.now() - missingSince < MISSING_REMEMBERED_MS) throw notFound(songId)
    const found = await this.#lookUp(songId)
    if (found === undefined) throw notFound(songId)
    return found
  }

  /**
   * Asks again for every tracked song, and drops what is neither tracked nor fresh.
   * @returns the songs whose swarms are to be forgotten: deleted, or published anew with other audio.
   */
  async revalidate(tracked: readonly SongId[]): Promise<SongId[]> {
    this.#dropUnused(new Set(tracked))
    const outdated: SongId[] = []
    const queue = [...tracked]
    let failureCount = 0
    const work = async () => {
      for (let songId = queue.pop(); songId !== undefined && failureCount < FAILURES_MAX; songId = queue.pop()) {
        const verdict = await this.#judge(songId)
        if (verdict === 'outdated') outdated.push(songId)
        if (verdict === 'unknown') failureCount++
      }
    }
    await Promise.all(Array.from({ length: REVALIDATIONS_AT_ONCE }, work))
    return outdated
  }

  async #judge(songId: SongId): Promise<'current' | 'outdated' | 'unknown'> {
    const before = this.#known.get(songId)
    try {
      const now = await this.#ask(songId, before)
      return now !== undefined && (before === undefined || now.fingerprint === before.fingerprint) ? 'current' : 'outdated'
    } catch (thrown) {
      if (toEvaError(thrown).code !== 'EVA_NOT_READY') throw thrown
      return 'unknown'
    }
  }

  async #lookUp(songId: SongId): Promise<KnownSong | undefined> {
    const running = this.#lookups.get(songId)
    if (running !== undefined) return running
    if (this.#lookups.size >= LOOKUPS_AT_ONCE_MAX) {
      const details = { limit: LOOKUPS_AT_ONCE_MAX, what: 'song look-ups at once', retryAfterMs: RETRY_AFTER_MS }
      throw new EvaError('EVA_LIMIT_REACHED', { details })
    }
    const lookup = this.#ask(songId, undefined).finally(() => this.#lookups.delete(songId))
    this.#lookups.set(songId, lookup)
    return lookup
  }

  async #ask(songId: SongId, known: KnownSong | undefined): Promise<KnownSong | undefined> {
    const answer = await this.#deps.metadata.lookUpSong(songId, known?.version).catch((cause: unknown) => {
      const failure = toEvaError(cause)
      this.#noteFailure(failure)
      const reason = `the metadata service cannot say whether the song exists (${reasonOf(failure)})`
      throw new EvaError('EVA_NOT_READY', { details: { reason, retryAfterMs: RETRY_AFTER_MS }, cause })
    })
    this.#noteAnswer()
    const checkedAt = this.#deps.clock.now()
    if (answer.kind === 'found') return this.#remember(songId, knownSong(answer.manifest, answer.version, checkedAt))
    if (answer.kind === 'unchanged' && known !== undefined) return this.#remember(songId, { ...known, checkedAt })
    this.#known.delete(songId)
    this.#rememberMissing(songId, checkedAt)
    return undefined
  }

  #noteFailure(failure: EvaError): void {
    const { code, message, nextStep } = failure
    if (code === 'EVA_CANCELLED' || this.#outageCode !== undefined) return
    this.#outageCode = code
    const { metadataUrl } = this.#options
    const text = `No new song can be looked up at the metadata service (${metadataUrl}): ${message} ${nextStep}`
    this.#deps.log.warn({ code, metadataUrl, reason: reasonOf(failure), nextStep }, text)
  }

  #noteAnswer(): void {
    if (this.#outageCode === undefined) return
    const { metadataUrl } = this.#options
    this.#deps.log.info({ code: this.#outageCode, metadataUrl }, 'the metadata service answers again')
    this.#outageCode = undefined
  }

  #remember(songId: SongId, song: KnownSong): KnownSong {
    this.#known.set(songId, song)
    return song
  }

  #rememberMissing(songId: SongId, at: Millis): void {
    this.#missing.delete(songId)
    this.#missing.set(songId, at)
    const [oldest] = this.#missing.keys()
    if (this.#missing.size > MISSING_KEPT_MAX && oldest !== undefined) this.#missing.delete(oldest)
  }

  #dropUnused(tracked: ReadonlySet<SongId>): void {
    const at = this.#deps.clock.now()
    for (const [songId, song] of this.#known)
      if (!tracked.has(songId) && at - song.checkedAt >= REVALIDATION_INTERVAL_MS) this.#known.delete(songId)
    for (const [songId, since] of this.#missing) if (at - since >= MISSING_REMEMBERED_MS) this.#missing.delete(songId)
  }
}

function knownSong(manifest: Manifest, version: string | undefined, checkedAt: Millis): KnownSong {
  const { fileSize, chunkSize, chunkCount, chunks } = manifest
  const fingerprint = hash('sha256', `${fileSize} ${chunkSize} ${chunks.map(chunk => chunk.hash).join(' ')}`)
  return { chunkCount, chunkSizeBytes: chunkSize, version, fingerprint, checkedAt }
}

/** Without the address: it goes to strangers. */
function reasonOf({ code, details: { reason } }: EvaError): string {
  return reason === undefined ? code : `${code}: ${reason}`
}

function notFound(songId: SongId): EvaError {
  return new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
}
