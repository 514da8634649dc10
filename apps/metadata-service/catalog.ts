// The songs: published, found, edited and removed.
// Not HTTP (routes.ts), not SQL spelling (the dialect files): portable queries only.
// Invariant: each write is one transaction, and the cache forgets the song before the caller hears that it is done.

import { setImmediate } from 'node:timers/promises'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest, ManifestChunk } from '@evastream/core/manifest'
import type {
  LibraryAlbums,
  LibraryAlbumsQuery,
  LibraryArtists,
  LibraryArtistsQuery,
  LibrarySongs,
  LibrarySongsQuery,
} from '@evastream/protocol/library-http'
import type { ListQuery, PublishBody, SongEdit, SongList } from '@evastream/protocol/metadata-http'
import type { CatalogDatabase, CatalogQueries } from './catalog-tables.ts'
import { libraryAlbums, libraryArtists, librarySongs } from './library-pages.ts'
import { type RenderedDocument, renderManifest } from './manifest-rendering.ts'
import type { RenderedCache } from './rendered-cache.ts'
import { firstDifference, type Publication, parsePublication } from './song-publication.ts'
import { columnsOfDescription, editedManifest, manifestOfRows, rowOfSong, SUMMARY_COLUMNS } from './song-rows.ts'
import { searchSongs } from './song-search.ts'

export interface PublishOutcome {
  readonly kind: 'created' | 'unchanged'
  readonly manifest: Manifest
}

export interface CatalogDeps {
  readonly database: CatalogDatabase
  readonly cache: RenderedCache
}

/** Rows of one insert: three parameters each, far below every dialect's limit. */
const CHUNK_ROWS_PER_INSERT = 1_000

export class Catalog {
  readonly #database: CatalogDatabase
  readonly #cache: RenderedCache

  constructor(deps: CatalogDeps) {
    this.#database = deps.database
    this.#cache = deps.cache
  }

  /** @throws EvaError `EVA_MANIFEST_INVALID`, or `EVA_SONG_CONFLICT` naming the field that differs */
  async publish(body: PublishBody): Promise<PublishOutcome> {
    const publication = parsePublication(body)
    const kind = await this.#write(publication.manifest.id, async queries => {
      // Of two publications at once the database lets one insert; the other finds it done, and compares.
      const { numInsertedOrUpdatedRows } = await queries
        .insertInto('song')
        .values(rowOfSong(publication.manifest, publication.rendered.digest))
        .onConflict(conflict => conflict.column('id').doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 0n) return await this.#compare(queries, publication)
      await insertParts(queries, publication)
      return 'created' as const
    })
    return { kind, manifest: publication.manifest }
  }

  /** The manifest's JSON. @throws EvaError `EVA_SONG_NOT_FOUND` */
  async findManifest(songId: SongId): Promise<RenderedDocument> {
    const { sql } = this.#database
    const document = await this.#cache.take(
      'manifest',
      songId,
      async () => (await storedRendering(sql, songId)) ?? (await this.#renderAnew(songId)),
    )
    if (document === undefined) throw notFound(songId)
    return document
  }

  /** 32 bytes a block, in order. @throws EvaError `EVA_SONG_NOT_FOUND` or `EVA_NO_BLOCKS` */
  async findBlocks(songId: SongId): Promise<RenderedDocument> {
    const { sql } = this.#database
    const document = await this.#cache.take('blocks', songId, async () => {
      const row = await sql.selectFrom('song_blocks').select(['hashes', 'digest']).where('song_id', '=', songId).executeTakeFirst()
      return row === undefined ? undefined : { body: Buffer.from(row.hashes), digest: row.digest }
    })
    if (document !== undefined) return document
    const song = await sql.selectFrom('song').select('id').where('id', '=', songId).executeTakeFirst()
    throw song === undefined ? notFound(songId) : new EvaError('EVA_NO_BLOCKS', { details: { songId } })
  }

  async search(query: ListQuery): Promise<SongList> {
    return await searchSongs(this.#database.sql, query)
  }

  async songs(wanted: LibrarySongsQuery): Promise<LibrarySongs> {
    return await librarySongs(this.#database.sql, wanted)
  }

  async albums(wanted: LibraryAlbumsQuery): Promise<LibraryAlbums> {
    return await libraryAlbums(this.#database.sql, wanted)
  }

  async artists(wanted: LibraryArtistsQuery): Promise<LibraryArtists> {
    return await libraryArtists(this.#database.sql, wanted)
  }

  /** Changes the description alone. @throws EvaError `EVA_SONG_NOT_FOUND` */
  async edit(songId: SongId, edit: SongEdit): Promise<RenderedDocument> {
    return await this.#write(songId, async queries => {
      const manifest = await readManifest(queries, songId)
      if (manifest === undefined) throw notFound(songId)
      const edited = editedManifest(manifest, edit)
      const rendered = renderManifest(edited)
      await queries.updateTable('song').set(columnsOfDescription(edited)).where('id', '=', songId).execute()
      await queries.deleteFrom('song_rendered').where('song_id', '=', songId).execute()
      await insertRendering(queries, songId, rendered)
      return rendered
    })
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` */
  async remove(songId: SongId): Promise<void> {
    await this.#write(songId, async queries => {
      const { numDeletedRows } = await queries.deleteFrom('song').where('id', '=', songId).executeTakeFirstOrThrow()
      if (numDeletedRows === 0n) throw notFound(songId)
    })
  }

  async countSongs(): Promise<number> {
    const row = await this.#database.sql
      .selectFrom('song')
      .select(({ fn }) => fn.countAll<number | string | bigint>().as('count'))
      .executeTakeFirstOrThrow()
    return Number(row.count)
  }

  async #write<T>(songId: SongId, work: (queries: CatalogQueries) => Promise<T>): Promise<T> {
    try {
      return await this.#database.sql.transaction().execute(work)
    } finally {
      this.#cache.forget(songId)
    }
  }

  async #compare(queries: CatalogQueries, publication: Publication): Promise<'unchanged'> {
    const songId = publication.manifest.id
    const song = await queries.selectFrom('song').select('published_digest').where('id', '=', songId).executeTakeFirstOrThrow()
    const blocks = await queries.selectFrom('song_blocks').select('digest').where('song_id', '=', songId).executeTakeFirst()
    const manifest = await readManifest(queries, songId)
    if (manifest === undefined) throw notFound(songId)
    const digests = [song.published_digest, renderManifest(manifest).digest]
    const field = firstDifference(publication, { manifest, digests, blocksDigest: blocks?.digest })
    if (field !== undefined) throw new EvaError('EVA_SONG_CONFLICT', { details: { songId, field } })
    return 'unchanged'
  }

  /** The rendering is a cache: whoever emptied it loses nothing. */
  async #renderAnew(songId: SongId): Promise<RenderedDocument | undefined> {
    const manifest = await readManifest(this.#database.sql, songId)
    if (manifest === undefined) return undefined
    const rendered = renderManifest(manifest)
    await insertRendering(this.#database.sql, songId, rendered)
    return rendered
  }
}

async function insertParts(queries: CatalogQueries, { manifest, rendered, blocks }: Publication): Promise<void> {
  for (let start = 0; start < manifest.chunks.length; start += CHUNK_ROWS_PER_INSERT) {
    const rows = manifest.chunks.slice(start, start + CHUNK_ROWS_PER_INSERT)
    await queries
      .insertInto('song_chunk')
      .values(rows.map(({ chunkId, hash }) => ({ song_id: manifest.id, chunk_id: chunkId, hash })))
      .execute()
    // SQLite answers without leaving the loop: others get their turn here.
    await setImmediate()
  }
  if (blocks !== undefined)
    await queries.insertInto('song_blocks').values({ song_id: manifest.id, hashes: blocks.body, digest: blocks.digest }).execute()
  await insertRendering(queries, manifest.id, rendered)
}

async function insertRendering(queries: CatalogQueries, songId: SongId, { body, digest }: RenderedDocument): Promise<void> {
  await queries
    .insertInto('song_rendered')
    .values({ song_id: songId, manifest: body.toString('utf8'), digest })
    .onConflict(conflict => conflict.column('song_id').doNothing())
    .execute()
}

async function storedRendering(queries: CatalogQueries, songId: SongId): Promise<RenderedDocument | undefined> {
  const row = await queries.selectFrom('song_rendered').select(['manifest', 'digest']).where('song_id', '=', songId).executeTakeFirst()
  return row === undefined ? undefined : { body: Buffer.from(row.manifest), digest: row.digest }
}

async function readManifest(queries: CatalogQueries, songId: SongId): Promise<Manifest | undefined> {
  const row = await queries.selectFrom('song').select(SUMMARY_COLUMNS).where('id', '=', songId).executeTakeFirst()
  if (row === undefined) return undefined
  const chunks: ManifestChunk[] = await queries
    .selectFrom('song_chunk')
    .select(['chunk_id as chunkId', 'hash'])
    .where('song_id', '=', songId)
    .orderBy('chunk_id')
    .execute()
  return manifestOfRows(row, chunks)
}

function notFound(songId: SongId): EvaError {
  return new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
}
