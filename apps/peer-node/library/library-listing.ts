// Every song a listener may play, for the playlist of the library: what the metadata service lists, page by page.
// Not a search, and no cache: a playlist is asked for by a person now and then.
// Invariant: at most SONGS_MAX songs, each once; a metadata service that is silent costs LISTING_TIMEOUT_MS and the songs known here remain.

import { toEvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'
import { LIST_LIMIT_MAX, type ListQuery, type SongList } from '@evastream/protocol/metadata-http'
import type { PlaylistSong } from '../page/extended-playlist.ts'
import type { NodeLog } from '../ports.ts'

export interface LibraryListingDeps {
  readonly metadata: { listSongs(wanted: ListQuery, signal: AbortSignal): Promise<SongList> }
  readonly log: Pick<NodeLog, 'info'>
  /** The songs known here, in the order of their opening. */
  knownSongs(): Iterable<PlaylistSong>
}

const SONGS_MAX = 10_000
const PAGES_MAX = Math.ceil(SONGS_MAX / LIST_LIMIT_MAX)
/** For all pages together: a player that opens a playlist waits as long. */
const LISTING_TIMEOUT_MS = 5 * SECOND_MS

export async function listLibrary({ metadata, log, knownSongs }: LibraryListingDeps): Promise<readonly PlaylistSong[]> {
  const songs = new Map<string, PlaylistSong>()
  const signal = AbortSignal.timeout(LISTING_TIMEOUT_MS)
  try {
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX; page++) {
      const list: SongList = await metadata.listSongs({ limit: LIST_LIMIT_MAX, ...(cursor === undefined ? {} : { cursor }) }, signal)
      for (const song of list.songs) songs.set(song.id, song)
      cursor = list.nextCursor
      if (cursor === undefined) break
    }
  } catch (thrown) {
    const { code, message } = toEvaError(thrown)
    log.info({ code }, `The library is listed as far as it is known here: ${message}`)
    for (const song of knownSongs()) if (!songs.has(song.id)) songs.set(song.id, song)
  }
  return [...songs.values()].slice(0, SONGS_MAX)
}
