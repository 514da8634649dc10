// Checks the library's pages on a real SQLite file: what is typed finds what was meant, pages fit together, and ten thousand songs are quick.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSongId } from '@evastream/core/ids'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { CompiledQuery, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Catalog } from './catalog.ts'
import type { CatalogDatabase } from './catalog-tables.ts'
import { RenderedCache } from './rendered-cache.ts'
import { rowOfSong } from './song-rows.ts'
import { openSqliteCatalog } from './sqlite-dialect.ts'

let directory = ''
let database: CatalogDatabase
let catalog: Catalog

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-library-'))
  database = await openSqliteCatalog(directory)
  catalog = new Catalog({ database, cache: new RenderedCache() })
})
afterEach(async () => {
  await database.close()
  await rm(directory, { recursive: true })
})

type Description = Omit<PublishBody, 'id' | 'fileSize' | 'chunkSize' | 'chunkCount' | 'chunks'>

function song(id: string, description: Description): PublishBody {
  return { id, ...description, fileSize: 1, chunkSize: 16_384, chunkCount: 1, chunks: [{ chunkId: 0, hash: '0'.repeat(64) }] }
}

async function publish(...songs: readonly (readonly [string, Description])[]): Promise<void> {
  for (const [id, description] of songs) await catalog.publish(song(id, description))
}

const idsOf = async (wanted: Parameters<Catalog['songs']>[0]) => (await catalog.songs(wanted)).songs.map(({ songId }) => songId)

describe('library: songs', () => {
  it('a song: shows what a list needs, absent fields absent', async () => {
    const all = { artist: 'A', album: 'B', trackNumber: 3, durationMs: 1000, mimeType: 'audio/mpeg', coverHash: 'c'.repeat(64) }
    await publish(['full', { title: 'Z', ...all }], ['bare', { title: 'Bare' }])
    expect(await catalog.songs({})).toEqual({
      total: 2,
      songs: [
        { songId: 'bare', title: 'Bare', hasCover: false },
        { songId: 'full', title: 'Z', artist: 'A', album: 'B', trackNumber: 3, durationMs: 1000, mimeType: 'audio/mpeg', hasCover: true },
      ],
    })
  })

  it('what is being typed: titles that begin so, then words that do, then whatever holds it', async () => {
    await publish(
      ['within', { title: 'A glove' }],
      ['word', { title: 'All my Love' }],
      ['artist', { title: 'Zero', artist: 'Lovers (Live)' }],
      ['title', { title: 'Lóve' }],
      ['none', { title: 'Hate' }],
    )
    expect(await idsOf({ query: 'LOV' })).toEqual(['title', 'word', 'artist', 'within'])
    expect(await idsOf({ query: 'love my' })).toEqual(['word'])
    expect(await idsOf({ query: '%' })).toEqual([])
    expect(await idsOf({ query: '  ' })).toHaveLength(5)
  })

  it('pages: fit together and know their total', async () => {
    await publish(...Array.from({ length: 7 }, (_, index) => [`s${index}`, { title: index % 2 === 0 ? 'Same' : 'Other' }] as const))
    const pages = await Promise.all([0, 3, 6, 9].map(offset => catalog.songs({ offset, limit: 3 })))
    expect(pages.map(({ total }) => total)).toEqual([7, 7, 7, 7])
    expect(pages.flatMap(({ songs }) => songs.map(({ songId }) => songId))).toEqual(['s1', 's3', 's5', 's0', 's2', 's4', 's6'])
  })

  it('of an album: by disc and track, whatever the case of its name; of an artist: guests too', async () => {
    await publish(
      ['d2t1', { title: 'A', album: 'Best', albumArtist: 'Eva', artist: 'Eva & Guest', discNumber: 2, trackNumber: 1 }],
      ['d1t2', { title: 'B', album: 'BEST', albumArtist: 'Eva', trackNumber: 2 }],
      ['d1t1', { title: 'C', album: 'Best', albumArtist: 'Eva', trackNumber: 1 }],
      ['other', { title: 'D', album: 'Best', artist: 'Somebody' }],
    )
    expect(await idsOf({ album: 'best', artist: 'eva' })).toEqual(['d1t1', 'd1t2', 'd2t1'])
    expect(await idsOf({ artist: 'Eva & Guest' })).toEqual(['d2t1'])
    expect(await idsOf({ album: '', artist: '' })).toHaveLength(4)
  })
})

describe('library: albums and artists', () => {
  beforeEach(() =>
    publish(
      ['a1', { title: 'A', album: 'Élan', artist: 'Björk' }],
      ['a2', { title: 'B', album: 'elan', artist: 'bjork', coverHash: 'c'.repeat(64) }],
      ['b1', { title: 'C', album: 'Elan', artist: 'Other' }],
      ['c1', { title: 'D', album: 'Mix', artist: 'X', albumArtist: 'Various' }],
      ['c2', { title: 'E', album: 'Mix', artist: 'Y', albumArtist: 'Various' }],
      ['d1', { title: 'F', artist: 'Björk' }],
      ['e1', { title: 'G' }],
      ['f1', { title: 'H', album: 'Nobody’s' }],
    ),
  )

  it('albums: one for each name and album artist, with a cover where any of its songs has one', async () => {
    expect(await catalog.albums({})).toEqual({
      total: 4,
      albums: [
        { album: 'elan', artist: 'Björk', songCount: 2, coverSongId: 'a2' },
        { album: 'Elan', artist: 'Other', songCount: 1 },
        { album: 'Mix', artist: 'Various', songCount: 2 },
        { album: 'Nobody’s', songCount: 1 },
      ],
    })
    expect((await catalog.albums({ query: 'bjo ELAN' })).albums).toHaveLength(1)
    expect((await catalog.albums({ artist: 'various' })).albums).toMatchObject([{ album: 'Mix' }])
    expect(await catalog.albums({ offset: 2, limit: 1 })).toMatchObject({ total: 4, albums: [{ album: 'Mix' }] })
  })

  it('artists: album artists before artists, with their songs and albums', async () => {
    expect(await catalog.artists({})).toEqual({
      total: 3,
      artists: [
        { artist: 'Björk', songCount: 3, albumCount: 1 },
        { artist: 'Other', songCount: 1, albumCount: 1 },
        { artist: 'Various', songCount: 2, albumCount: 1 },
      ],
    })
    expect(await catalog.artists({ query: 'BJÖ' })).toMatchObject({ total: 1 })
  })

  it('an edit: is found where it belongs now', async () => {
    await catalog.edit(parseSongId('a2'), { album: 'New', artist: 'Else' })
    expect((await catalog.albums({ query: 'new' })).albums).toEqual([{ album: 'New', artist: 'Else', songCount: 1, coverSongId: 'a2' }])
  })

  it('a catalog of the version before: its songs have their albums and artists', async () => {
    await sql`drop index song_by_album`.execute(database.sql)
    await sql`drop index song_by_artist`.execute(database.sql)
    await sql`alter table song drop column sort_album`.execute(database.sql)
    await sql`alter table song drop column sort_artist`.execute(database.sql)
    await sql`delete from kysely_migration where name = '002-albums-and-artists'`.execute(database.sql)
    await database.close()
    database = await openSqliteCatalog(directory)
    catalog = new Catalog({ database, cache: new RenderedCache() })
    expect((await catalog.albums({})).total).toBe(4)
    expect((await catalog.artists({})).total).toBe(3)
  })
})

describe('library: ten thousand songs', () => {
  it('lists without a query walk an index: nothing is sorted', async () => {
    const plan = async (statement: string) => {
      const { rows } = await database.sql.executeQuery<{ detail: string }>(CompiledQuery.raw(`explain query plan ${statement}`))
      return rows.map(({ detail }) => detail).join('; ')
    }
    expect(await plan('select title from song order by sort_title, id limit 100 offset 9000')).not.toContain('TEMP B-TREE')
    const albums = 'from song where sort_album is not null group by sort_album, sort_artist order by sort_album, sort_artist'
    expect(await plan(`select min(album), count(*) ${albums} limit 100`)).not.toContain('TEMP B-TREE')
  })

  it('a search over all of them: finds and counts what is there', async () => {
    await database.sql.transaction().execute(async queries => {
      for (let start = 0; start < 10_000; start += 500) {
        const rows = Array.from({ length: 500 }, (_, index) => start + index).map(number => {
          const { chunks, ...body } = song(`s${number}`, {
            title: `Song ${number}`,
            artist: `Artist ${number % 800}`,
            album: `Album ${number % 900}`,
          })
          return rowOfSong({ ...body, id: parseSongId(body.id), chunks }, '')
        })
        await queries.insertInto('song').values(rows).execute()
      }
    })
    expect(await catalog.songs({ query: 'song 99', limit: 5 })).toMatchObject({
      songs: [{ title: 'Song 99' }, { title: 'Song 990' }, {}, {}, {}],
    })
    expect((await catalog.songs({ artist: 'artist 799', query: 'song' })).total).toBe(12)
    expect((await catalog.songs({ offset: 9_990 })).songs).toHaveLength(10)
    expect((await catalog.albums({ offset: 800 })).total).toBe(7_200)
    expect((await catalog.artists({})).total).toBe(800)
  })
})
