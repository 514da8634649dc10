// Which song a person means who typed an address: `song-1`, or `song-1.mp3` for the same one.
// Not for addresses that we hand out: those have the id in a place of its own (stream-path.ts).
// Invariant: a song of exactly the name wins over one whose id is the name without its extension, and only the one that is meant is opened.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { isId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { SECOND_MS } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'

export interface SongFinderDeps {
  readonly library: { manifestOf(songId: SongId): Manifest | undefined; openSong(songId: SongId): Promise<Manifest> }
  readonly cache: { read(songId: SongId): Promise<unknown> }
  readonly metadata: { getManifest(songId: SongId, signal?: AbortSignal): Promise<Manifest> }
  readonly clock: Clock
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
    return this.#deps.library.openSong(await this.#meant(name))
  }

  #meant(name: string): SongId | Promise<SongId> {
    const plain = name.replace(/\.[A-Za-z0-9]{1,8}$/, '')
    if (plain === name || !isId(plain)) return parseSongId(name)
    const shortened = parseSongId(plain)
    if (!isId(name)) return shortened
    const exact = parseSongId(name)
    if (this.#deps.library.manifestOf(exact) !== undefined) return exact
    const now = this.#deps.clock.now()
    const kept = this.#choices.get(exact)
    if (kept !== undefined && now < kept.untilMs) return kept.songId
    return this.#keep(exact, { songId: this.#choose(exact, shortened), untilMs: now + CHOICE_KEPT_MS })
  }

  #keep(exact: SongId, choice: Choice): Promise<SongId> {
    this.#choices.delete(exact)
    this.#choices.set(exact, choice)
    choice.songId.catch(() => {
      if (this.#choices.get(exact) === choice) this.#choices.delete(exact)
    })
    const [oldest] = this.#choices.keys()
    if (this.#choices.size > CHOICES_MAX && oldest !== undefined) this.#choices.delete(oldest)
    return choice.songId
  }

  async #choose(exact: SongId, shortened: SongId): Promise<SongId> {
    const [isExactHere, isShortenedHere] = await Promise.all([this.#isHere(exact), this.#isHere(shortened)])
    if (isExactHere) return exact
    const patience = isShortenedHere ? AbortSignal.timeout(LOOK_UP_TIMEOUT_MS) : undefined
    const looks = [this.#isSong(exact, patience), isShortenedHere || this.#isSong(shortened, patience)] as const
    const isExact = await looks[0]
    if (isExact === true) return exact
    if (isShortenedHere) return shortened
    if (isExact instanceof EvaError) throw isExact
    const isShortened = await looks[1]
    if (isShortened === true) return shortened
    throw isShortened instanceof EvaError ? isShortened : new EvaError('EVA_SONG_NOT_FOUND', { details: { songId: exact } })
  }

  async #isHere(songId: SongId): Promise<boolean> {
    return this.#deps.library.manifestOf(songId) !== undefined || (await this.#deps.cache.read(songId)) !== undefined
  }

  /** An error when nobody can say; it is no rejection, since nobody may be waiting for it. */
  async #isSong(songId: SongId, signal: AbortSignal | undefined): Promise<boolean | EvaError> {
    const outcome = await this.#deps.metadata.getManifest(songId, signal).catch(toEvaError)
    if (!(outcome instanceof EvaError)) return true
    return outcome.code === 'EVA_SONG_NOT_FOUND' ? false : outcome
  }
}
