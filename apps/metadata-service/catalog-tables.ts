// The catalog's tables as the query builder sees them, the same in every SQL dialect.
// Not their making: catalog-migrations.ts does that, and not what a row means to a caller: song-rows.ts.
// Invariant: song, song_chunk and song_blocks hold the truth; song_rendered can be lost and made again from them.

import type { Kysely, Transaction } from 'kysely'

export interface SongTable {
  id: string
  title: string
  artist: string | null
  album: string | null
  album_artist: string | null
  track_number: number | null
  disc_number: number | null
  year: number | null
  genre: string | null
  duration_ms: number | null
  mime_type: string | null
  cover_hash: string | null
  file_size: number
  chunk_size: number
  chunk_count: number
  /** The folded title: what lists are ordered by. */
  sort_title: string
  /** Folded title, artist and album: what searches look into. */
  search_text: string
  /** The folded album: what albums are told apart and ordered by. */
  sort_album: string | null
  /** The folded album artist, or artist where there is none: what artists are told apart and ordered by. */
  sort_artist: string | null
  /** Digest of the manifest as it was first published, so that the same publication is known again after edits. */
  published_digest: string
}

export interface SongChunkTable {
  song_id: string
  chunk_id: number
  hash: string
}

export interface SongBlocksTable {
  song_id: string
  /** 32 bytes a block, in order. */
  hashes: Uint8Array
  digest: string
}

export interface SongRenderedTable {
  song_id: string
  manifest: string
  digest: string
}

export interface CatalogTables {
  song: SongTable
  song_chunk: SongChunkTable
  song_blocks: SongBlocksTable
  song_rendered: SongRenderedTable
}

/** The catalog's database, open and migrated; one factory for each SQL dialect makes it. */
export interface CatalogDatabase {
  readonly sql: Kysely<CatalogTables>
  close(): Promise<void>
}

/** Where a query runs: the database, or one transaction on it. */
export type CatalogQueries = Kysely<CatalogTables> | Transaction<CatalogTables>
