// What the operator reads about the folder: broken files one line each, and where the library stands when everything is dealt with.
// Not the log, and not the page's view (GET /api/operator/scan).
// Invariant: names and tags are strangers' text, made printable before it is shown.

import { join } from 'node:path'
import type { LibraryState, PublishedSong } from '@evastream/music-library/song-desk'
import { printable } from '@evastream/service-kit/printable-text'
import type { HouseListener } from './house.ts'

/** Of a large library not every song is a line. */
const SONGS_NAMED_MAX = 20

export class LibraryTalk implements HouseListener {
  readonly #say: (line: string) => void
  readonly #folder: string
  #addedCount = 0
  #lastWords = ''

  constructor(deps: { readonly say: (line: string) => void }, options: { readonly folder: string }) {
    this.#say = line => deps.say(printable(line))
    this.#folder = options.folder
  }

  published({ title, result }: PublishedSong): void {
    if (result === 'unchanged') return
    this.#addedCount++
    if (this.#addedCount <= SONGS_NAMED_MAX) this.#say(`+ ${title}`)
    if (this.#addedCount === SONGS_NAMED_MAX) this.#say('+ …')
  }

  refused(path: string, reason: string): void {
    this.#say(path === '' ? `! ${reason}` : `! left out ${path}: ${reason}`)
  }

  removed(_songId: string, path: string): void {
    this.#say(`- ${path}`)
  }

  away(path: string, reason: string): void {
    this.#say(`! ${join(this.#folder, path)} cannot be looked into (${reason}); its songs stay as they are`)
  }

  unwatched(reason: string): void {
    this.#say(`! Not every change in ${this.#folder} is noticed at once (${reason}); it is looked through now and then all the same`)
  }

  settled(state: LibraryState): void {
    const words = wordsOf(state)
    if (words !== this.#lastWords) this.#say(words)
    this.#lastWords = words
    this.#addedCount = 0
  }
}

function wordsOf({ folder, songCount, fileCount, refused, awayReason }: LibraryState): string {
  if (awayReason !== undefined && songCount === 0)
    return `${folder} has no music that can be seen (${awayReason}). Put songs there, or drop them on the page.`
  if (fileCount === 0 && songCount === 0) return `There is no music in ${folder} yet. Put songs there, or drop them on the page.`
  const songs = songCount === 1 ? '1 song' : `${songCount} songs`
  if (awayReason !== undefined) return `${songs} from ${folder}, which cannot be seen now (${awayReason})`
  return `${songs} from ${folder}${refused.length === 0 ? '' : `, ${refused.length} left out`}`
}
