// Between a song as the house speaks of it and its rows.
// Not queries: catalog.ts and song-search.ts run those.
// Invariant: what was written comes back the same, absent fields absent.

import type { SongId } from '@evastream/core/ids'
import type { Manifest, ManifestChunk, SongDescription } from '@evastream/core/manifest'
import type { SongEdit, SongSummary } from '@evastream/protocol/metadata-http'
import type { Insertable, Selectable, Updateable } from 'kysely'
import type { SongTable } from './catalog-tables.ts'
import { folded } from './folded-text.ts'

/** Longer texts are ordered by their beginning, titles then by id: cursors stay short. */
const SORT_TEXT_LENGTH_MAX = 128

export function rowOfSong(manifest: Manifest, publishedDigest: string): Insertable<SongTable> {
  return {
    id: manifest.id,
    ...columnsOfDescription(manifest),
    file_size: manifest.fileSize,
    chunk_size: manifest.chunkSize,
    chunk_count: manifest.chunkCount,
    published_digest: publishedDigest,
  }
}

/** The columns that an edit may change, those that searches use included. */
export function columnsOfDescription(song: SongDescription) {
  return {
    title: song.title,
    artist: song.artist ?? null,
    album: song.album ?? null,
    album_artist: song.albumArtist ?? null,
    track_number: song.trackNumber ?? null,
    disc_number: song.discNumber ?? null,
    year: song.year ?? null,
    genre: song.genre ?? null,
    duration_ms: song.durationMs ?? null,
    mime_type: song.mimeType ?? null,
    cover_hash: song.coverHash ?? null,
    sort_title: sortable(song.title),
    search_text: [song.title, song.artist ?? '', song.album ?? ''].map(folded).join('\n'),
    sort_album: sortAlbumOf(song),
    sort_artist: sortArtistOf(song),
  } satisfies Updateable<SongTable>
}

type Absent = null | undefined

export function sortAlbumOf({ album }: { readonly album?: string | Absent }): string | null {
  return sortableOrNull(album)
}

export function sortArtistOf({ artist, albumArtist }: { readonly artist?: string | Absent; readonly albumArtist?: string | Absent }) {
  return sortableOrNull(albumArtist ?? artist)
}

function sortableOrNull(text: string | Absent): string | null {
  return text === null || text === undefined ? null : sortable(text)
}

function sortable(text: string): string {
  return Array.from(folded(text)).slice(0, SORT_TEXT_LENGTH_MAX).join('')
}

/** The columns of a summary, for select lists: neither search text nor digests. */
export const SUMMARY_COLUMNS = [
  'id',
  'title',
  'artist',
  'album',
  'album_artist',
  'track_number',
  'disc_number',
  'year',
  'genre',
  'duration_ms',
  'mime_type',
  'cover_hash',
  'file_size',
  'chunk_size',
  'chunk_count',
] as const satisfies readonly (keyof SongTable)[]

export type SummaryRow = Pick<Selectable<SongTable>, (typeof SUMMARY_COLUMNS)[number]>

export function summaryOfRow(row: SummaryRow): SongSummary & SongDescription {
  return {
    id: row.id,
    title: row.title,
    ...present('artist', row.artist),
    ...present('album', row.album),
    ...present('albumArtist', row.album_artist),
    ...present('trackNumber', row.track_number),
    ...present('discNumber', row.disc_number),
    ...present('year', row.year),
    ...present('genre', row.genre),
    ...present('durationMs', row.duration_ms),
    ...present('mimeType', row.mime_type),
    ...present('coverHash', row.cover_hash),
    fileSize: row.file_size,
    chunkSize: row.chunk_size,
    chunkCount: row.chunk_count,
  }
}

export function manifestOfRows(row: SummaryRow, chunks: readonly ManifestChunk[]): Manifest {
  // The id was parsed before it was stored.
  return { ...summaryOfRow(row), id: row.id as SongId, chunks }
}

/** A manifest with an edit of its description laid over it: null takes a field away, absence leaves it. */
export function editedManifest(manifest: Manifest, edit: SongEdit): Manifest {
  const fields = Object.entries({ ...manifest, ...edit }).filter(([, value]) => value !== null && value !== undefined)
  // An edit has no field that a manifest lacks, and cannot take a required one away: its schema sees to both.
  return Object.fromEntries(fields) as unknown as Manifest
}

/** The field, or nothing for a null. */
export function present<K extends string, V>(name: K, value: V | null): { [key in K]?: V } {
  return (value === null ? {} : { [name]: value }) as { [key in K]?: V }
}
