// Which song a person means who typed an address: `song-1`, or `song-1.mp3` for the same one.
// Not for addresses that we hand out: those have the id in a place of its own (stream-path.ts).
// Invariant: a song of exactly the name wins over one whose id is the name without its extension, and only the one that is meant is opened.

import type { MetadataClient } from '@evastream/clients/metadata-client'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { isId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { SECOND_MS } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { KnownSong } from '../store/manifest-cache.ts'

export interface SongFinderDeps {
  readonly library: { manifestOf(songId: SongId): Manifest | undefined; openSong(songId: SongId, found?: KnownSong): Promise<Manifest> }
  readonly cache: { read(songId: SongId): Promise<unknown> }
  readonly metadata: Pick<MetadataClient, 'getManifest' | 'getSong'>
  readonly clock: Clock
}

/** `found`: what the metadata service said of it just now, if it was asked. */
interface Meant {
  readonly songId: SongId
  readonly found?: KnownSong
}

interface Choice {
  readonly songId: Promise<SongId>
  readonly untilMs: number
}

/** A player asks for the same address at every seek; so long one look-up is enough. */
const CHOICE_KEPT_MS = 10 * SECOND_MS
const CHOICES_MAX = 64
/** Somebody waits to hear a song that is here, while the metadata service says nothing of a longer name. */
const LOOK_UP_TIMEOUT_MS = SECOND_MS

export class SongFinder {
  readonly #deps: SongFinderDeps
  readonly #choices = new Map<SongId, Choice>()

  constructor(deps: SongFinderDeps) {
    this.#deps = deps
  }

  /** @throws EvaError `EVA_SONG_ID_INVALID`, `EVA_SONG_NOT_FOUND`, a failed call's, or what opening the song throws */
  async find(name: string): Promise<Manifest> {
    const { songId, found } = await this.#meant(name)
    return this.#deps.library.openSong(songId, found)
  }

  async #meant(name: string): Promise<Meant> {
    const plain = name.replace(/\.[A-Za-z0-9]{1,8}$/, '')
    if (plain === name || !isId(plain)) return { songId: parseSongId(name) }
    const shortened = parseSongId(plain)
    if (!isId(name)) return { songId: shortened }
    const exact = parseSongId(name)
    if (this.#deps.library.manifestOf(exact) !== undefined) return { songId: exact }
    const now = this.#deps.clock.now()
    const kept = this.#choices.get(exact)
    if (kept !== undefined && now < kept.untilMs) return { songId: await kept.songId }
    const chosen = this.#choose(exact, shortened)
    this.#keep(exact, { songId: chosen.then(({ songId }) => songId), untilMs: now + CHOICE_KEPT_MS })
    return chosen
  }

  #keep(exact: SongId, choice: Choice): void {
    this.#choices.delete(exact)
    this.#choices.set(exact, choice)
    choice.songId.catch(() => {
      if (this.#choices.get(exact) === choice) this.#choices.delete(exact)
    })
    const [oldest] = this.#choices.keys()
    if (this.#choices.size > CHOICES_MAX && oldest !== undefined) this.#choices.delete(oldest)
  }

  async #choose(exact: SongId, shortened: SongId): Promise<Meant> {
    const [isExactHere, isShortenedHere] = await Promise.all([this.#isHere(exact), this.#isHere(shortened)])
    if (isExactHere) return { songId: exact }
    const patience = isShortenedHere ? AbortSignal.timeout(LOOK_UP_TIMEOUT_MS) : undefined
    // The one that is meant nearly always is looked up with all that opening it takes.
    const lookedUp = isShortenedHere ? undefined : this.#lookUp(shortened)
    const isExact = await this.#isSong(exact, patience)
    if (isExact === true) return { songId: exact }
    if (isShortenedHere) return { songId: shortened }
    if (isExact instanceof EvaError) throw isExact
    const found = await lookedUp
    if (found instanceof EvaError) throw found
    if (found === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId: exact } })
    return { songId: shortened, found }
  }

  async #isHere(songId: SongId): Promise<boolean> {
    return this.#deps.library.manifestOf(songId) !== undefined || (await this.#deps.cache.read(songId)) !== undefined
  }

  /** Undefined for one that is not published, an error when nobody can say; no rejection, since nobody may be waiting for it. */
  async #lookUp(songId: SongId): Promise<KnownSong | EvaError | undefined> {
    const outcome = await this.#deps.metadata.getSong(songId).catch(toEvaError)
    return outcome instanceof EvaError && outcome.code === 'EVA_SONG_NOT_FOUND' ? undefined : outcome
  }

  /** As `#lookUp`. */
  async #isSong(songId: SongId, signal: AbortSignal | undefined): Promise<boolean | EvaError> {
    const outcome = await this.#deps.metadata.getManifest(songId, signal).catch(toEvaError)
    if (!(outcome instanceof EvaError)) return true
    return outcome.code === 'EVA_SONG_NOT_FOUND' ? false : outcome
  }
}
