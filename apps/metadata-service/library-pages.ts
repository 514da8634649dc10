// The library as people browse it: pages of songs, albums and artists, by what was typed so far.
// Not the lists that programs walk (song-search.ts): these know their total, may begin anywhere, and put the likeliest first.
// Invariant: portable SQL only, and every order ends in a key of its own, so that a page never shows a row of its neighbours.

import type {
  LibraryAlbums,
  LibraryAlbumsQuery,
  LibraryArtists,
  LibraryArtistsQuery,
  LibrarySongs,
  LibrarySongsQuery,
} from '@evastream/protocol/library-http'
import { LIBRARY_LIMIT_DEFAULT } from '@evastream/protocol/library-http'
import { type RawBuilder, sql } from 'kysely'
import type { CatalogQueries } from './catalog-tables.ts'
import { beginning, containing, folded, foldedWords } from './folded-text.ts'
import { present, sortAlbumOf, sortArtistOf } from './song-rows.ts'

/** What one row of the table `song` must hold for each word; the column is a folded text. */
const holds = (column: string, word: string) => sql<boolean>`${sql.ref(column)} like ${containing(word)} escape '\\'`

const count = sql<number | string | bigint>`count(*)`.as('count')

/** The songs that match; with an album in its own order, else by title. */
export async function librarySongs(database: CatalogQueries, wanted: LibrarySongsQuery): Promise<LibrarySongs> {
  const { query = '', artist = '', album = '', offset = 0, limit = LIBRARY_LIMIT_DEFAULT } = wanted
  let matching = database.selectFrom('song')
  for (const word of foldedWords(query)) matching = matching.where(holds('search_text', word))
  if (album !== '') matching = matching.where('sort_album', '=', sortAlbumOf({ album }))
  if (artist !== '')
    matching = matching.where(where => where.or([where('sort_artist', '=', sortArtistOf({ artist })), where('artist', '=', artist)]))
  const { count: total } = await matching.select(count).executeTakeFirstOrThrow()
  let page = matching.select(['id', 'title', 'artist', 'album', 'track_number', 'duration_ms', 'mime_type', 'cover_hash'])
  if (album !== '') page = page.orderBy(sql`coalesce(disc_number, 1)`).orderBy(sql`coalesce(track_number, 100000)`)
  else if (folded(query).trim() !== '') page = page.orderBy(likelihood(folded(query).trim()))
  const rows = await page.orderBy('sort_title').orderBy('id').limit(limit).offset(offset).execute()
  return { total: Number(total), songs: rows.map(songOf) }
}

/** Albums with at least one song, by name. */
export async function libraryAlbums(database: CatalogQueries, wanted: LibraryAlbumsQuery): Promise<LibraryAlbums> {
  const { query = '', artist = '', offset = 0, limit = LIBRARY_LIMIT_DEFAULT } = wanted
  let matching = database.selectFrom('song').where('sort_album', 'is not', null)
  for (const word of foldedWords(query))
    matching = matching.where(where => where.or([holds('sort_album', word), holds('sort_artist', word)]))
  if (artist !== '') matching = matching.where('sort_artist', '=', sortArtistOf({ artist }))
  const albums = matching.groupBy(['sort_album', 'sort_artist'])
  const { count: total } = await database.selectFrom(albums.select('sort_album').as('album')).select(count).executeTakeFirstOrThrow()
  const rows = await albums
    .select(({ fn }) => [
      fn.min('album').as('album'),
      sql<string | null>`min(coalesce(album_artist, artist))`.as('artist'),
      count,
      sql<string | null>`min(case when cover_hash is not null then id end)`.as('cover_song_id'),
    ])
    .orderBy('sort_album')
    .orderBy('sort_artist')
    .limit(limit)
    .offset(offset)
    .execute()
  return {
    total: Number(total),
    albums: rows.map(row => ({
      album: row.album ?? '',
      ...present('artist', row.artist),
      ...present('coverSongId', row.cover_song_id),
      songCount: Number(row.count),
    })),
  }
}

/** Artists with at least one song, by name. */
export async function libraryArtists(database: CatalogQueries, wanted: LibraryArtistsQuery): Promise<LibraryArtists> {
  const { query = '', offset = 0, limit = LIBRARY_LIMIT_DEFAULT } = wanted
  let matching = database.selectFrom('song').where('sort_artist', 'is not', null)
  for (const word of foldedWords(query)) matching = matching.where(holds('sort_artist', word))
  const artists = matching.groupBy('sort_artist')
  const { count: total } = await database.selectFrom(artists.select('sort_artist').as('artist')).select(count).executeTakeFirstOrThrow()
  const rows = await artists
    .select([
      sql<string>`min(coalesce(album_artist, artist))`.as('artist'),
      count,
      sql<number | string | bigint>`count(distinct sort_album)`.as('album_count'),
    ])
    .orderBy('sort_artist')
    .limit(limit)
    .offset(offset)
    .execute()
  return {
    total: Number(total),
    artists: rows.map(row => ({ artist: row.artist, songCount: Number(row.count), albumCount: Number(row.album_count) })),
  }
}

/** What somebody who typed this most likely means: a title that begins so, a word that does, anything that holds it. */
function likelihood(typed: string): RawBuilder<unknown> {
  const lines = sql`' ' || replace(search_text, ${'\n'}, ' ')`
  return sql`case when sort_title like ${beginning(typed)} escape '\\' then 0
    when ${lines} like ${`% ${beginning(typed)}`} escape '\\' then 1 else 2 end`
}

interface SongRow {
  readonly id: string
  readonly title: string
  readonly artist: string | null
  readonly album: string | null
  readonly track_number: number | null
  readonly duration_ms: number | string | null
  readonly mime_type: string | null
  readonly cover_hash: string | null
}

function songOf(row: SongRow): LibrarySongs['songs'][number] {
  return {
    songId: row.id,
    title: row.title,
    ...present('artist', row.artist),
    ...present('album', row.album),
    ...present('trackNumber', row.track_number),
    ...present('durationMs', row.duration_ms === null ? null : Number(row.duration_ms)),
    ...present('mimeType', row.mime_type),
    hasCover: row.cover_hash !== null,
  }
}
