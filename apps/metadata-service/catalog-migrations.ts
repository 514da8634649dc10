// The catalog's tables, made and changed step by step, in portable SQL.
// Not data: no migration publishes or edits a song.
// Invariant: a migration that was shipped is never edited; a change is a new one with a higher name.

import { EvaError } from '@evastream/core/errors'
import { errnoOf } from '@evastream/service-kit/data-directories'
import { type Kysely, type Migration, Migrator } from 'kysely'
import type { CatalogTables } from './catalog-tables.ts'
import { sortAlbumOf, sortArtistOf } from './song-rows.ts'

/** How a dialect spells the type of a column of bytes. */
export type BinaryType = 'blob' | 'bytea'

/** @throws EvaError `EVA_STORAGE_FAILED` when a step fails, or the database was made by a newer version */
export async function migrateCatalog(sql: Kysely<CatalogTables>, binaryType: BinaryType): Promise<void> {
  const migrator = new Migrator({ db: sql, provider: { getMigrations: async () => migrations(binaryType) } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  if (error instanceof EvaError) throw error
  const reason = `the catalog's tables cannot be brought up to date: ${errnoOf(error)}`
  throw new EvaError('EVA_STORAGE_FAILED', { details: { reason }, cause: error })
}

function migrations(binaryType: BinaryType): Record<string, Migration> {
  return {
    '001-songs': { up: db => makeSongTables(db, binaryType) },
    '002-albums-and-artists': { up: addSortedNames },
  }
}

async function makeSongTables(db: Kysely<unknown>, binaryType: BinaryType): Promise<void> {
  await db.schema
    .createTable('song')
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('title', 'text', column => column.notNull())
    .addColumn('artist', 'text')
    .addColumn('album', 'text')
    .addColumn('album_artist', 'text')
    .addColumn('track_number', 'integer')
    .addColumn('disc_number', 'integer')
    .addColumn('year', 'integer')
    .addColumn('genre', 'text')
    .addColumn('duration_ms', 'bigint')
    .addColumn('mime_type', 'text')
    .addColumn('cover_hash', 'text')
    .addColumn('file_size', 'bigint', column => column.notNull())
    .addColumn('chunk_size', 'integer', column => column.notNull())
    .addColumn('chunk_count', 'integer', column => column.notNull())
    .addColumn('sort_title', 'text', column => column.notNull())
    .addColumn('search_text', 'text', column => column.notNull())
    .addColumn('published_digest', 'text', column => column.notNull())
    .execute()
  await db.schema.createIndex('song_by_title').on('song').columns(['sort_title', 'id']).execute()
  await db.schema
    .createTable('song_chunk')
    .addColumn('song_id', 'text', column => column.notNull().references('song.id').onDelete('cascade'))
    .addColumn('chunk_id', 'integer', column => column.notNull())
    .addColumn('hash', 'text', column => column.notNull())
    .addPrimaryKeyConstraint('song_chunk_key', ['song_id', 'chunk_id'])
    .execute()
  await db.schema
    .createTable('song_blocks')
    .addColumn('song_id', 'text', column => column.primaryKey().references('song.id').onDelete('cascade'))
    .addColumn('hashes', binaryType, column => column.notNull())
    .addColumn('digest', 'text', column => column.notNull())
    .execute()
  await db.schema
    .createTable('song_rendered')
    .addColumn('song_id', 'text', column => column.primaryKey().references('song.id').onDelete('cascade'))
    .addColumn('manifest', 'text', column => column.notNull())
    .addColumn('digest', 'text', column => column.notNull())
    .execute()
}

/** What albums and artists are told apart and ordered by, for the songs that are there already too. */
async function addSortedNames(db: Kysely<CatalogTables>): Promise<void> {
  await db.schema.alterTable('song').addColumn('sort_album', 'text').execute()
  await db.schema.alterTable('song').addColumn('sort_artist', 'text').execute()
  const songs = await db.selectFrom('song').select(['id', 'artist', 'album', 'album_artist']).execute()
  for (const { id, artist, album, album_artist: albumArtist } of songs) {
    const names = { sort_album: sortAlbumOf({ album }), sort_artist: sortArtistOf({ artist, albumArtist }) }
    await db.updateTable('song').set(names).where('id', '=', id).execute()
  }
  await db.schema.createIndex('song_by_album').on('song').columns(['sort_album', 'sort_artist']).execute()
  await db.schema.createIndex('song_by_artist').on('song').columns(['sort_artist', 'sort_album']).execute()
}
