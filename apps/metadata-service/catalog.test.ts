// Checks the catalog on a real SQLite file: what is published is found, once, whole, quickly, and not half.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSongId } from '@evastream/core/ids'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { type SongFixtureOptions, songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { CompiledQuery, createQueryId, type KyselyPlugin, type RootOperationNode, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Catalog } from './catalog.ts'
import type { CatalogDatabase } from './catalog-tables.ts'
import { folded } from './folded-text.ts'
import { RenderedCache } from './rendered-cache.ts'
import { openSqliteCatalog } from './sqlite-dialect.ts'

let directory = ''
let database: CatalogDatabase
let catalog: Catalog

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-catalog-'))
  database = await openSqliteCatalog(directory)
  catalog = catalogOn(database)
})
afterEach(async () => {
  await database.close()
  await rm(directory, { recursive: true })
})

const catalogOn = (on: CatalogDatabase) => new Catalog({ database: on, cache: new RenderedCache() })
const id = (text: string) => parseSongId(text)

function publication(options: SongFixtureOptions = {}, withBlocks = true): PublishBody {
  const { manifest, blockHashes } = songFixture(options)
  const chunks = [...manifest.chunks]
  return withBlocks ? { ...manifest, chunks, blockHashes: Buffer.from(blockHashes).toString('base64') } : { ...manifest, chunks }
}

/** One chunk, no blocks: the smallest song, for tests with many. */
function tinySong(songId: string, description: { title: string; artist?: string; album?: string }): PublishBody {
  return { id: songId, ...description, fileSize: 1, chunkSize: 16_384, chunkCount: 1, chunks: [{ chunkId: 0, hash: '0'.repeat(64) }] }
}

async function rowCounts(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of ['song', 'song_chunk', 'song_blocks', 'song_rendered'] as const)
    counts[table] = (await database.sql.selectFrom(table).selectAll().execute()).length
  return counts
}

async function readJson(songId: string): Promise<unknown> {
  return JSON.parse((await catalog.findManifest(id(songId))).body.toString())
}

describe('catalog: publishing', () => {
  it('a song: published: is found as it was, block hashes apart', async () => {
    const song = publication({ artist: 'Artist', durationMs: 5_000, year: 1999, mimeType: 'audio/mpeg' })
    const { blockHashes, ...manifest } = song
    expect((await catalog.publish(song)).kind).toBe('created')
    expect(await readJson('song-1')).toEqual(manifest)
    expect((await catalog.findBlocks(id('song-1'))).body.toString('base64')).toBe(blockHashes)
    expect(await catalog.countSongs()).toBe(1)
  })

  it('the same again, once or at once: one creates it, the others change nothing', async () => {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => catalog.publish(publication())))
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', 'unchanged', 'unchanged', 'unchanged', 'unchanged'])
    expect(await rowCounts()).toEqual({ song: 1, song_chunk: 5, song_blocks: 1, song_rendered: 1 })
  })

  it('two contents at once under one id: one wins, the other is told of the conflict', async () => {
    const results = await Promise.allSettled([catalog.publish(publication({ seed: 1 })), catalog.publish(publication({ seed: 2 }))])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const loser = results.find(result => result.status === 'rejected')
    expect(loser?.reason).toMatchObject({ code: 'EVA_SONG_CONFLICT', details: { songId: 'song-1', field: 'chunks[0].hash' } })
    expect((await rowCounts()).song_chunk).toBe(5)
  })

  it('any publications in any order: each id keeps its first content, and repeating changes nothing', async () => {
    const step = fc.record({ song: fc.integer({ min: 1, max: 3 }), seed: fc.integer({ min: 1, max: 2 }), withBlocks: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
        await database.sql.deleteFrom('song').execute()
        const fresh = catalogOn(database)
        const first = new Map<number, { seed: number; withBlocks: boolean }>()
        for (const { song, seed, withBlocks } of steps) {
          const body = publication({ songId: `song-${song}`, seed, fileSize: 20_000, chunkSize: 16_384 }, withBlocks)
          const before = first.get(song)
          const expected =
            before === undefined ? 'created' : before.seed === seed && (before.withBlocks || !withBlocks) ? 'unchanged' : 'conflict'
          const kind = await fresh.publish(body).then(
            outcome => outcome.kind,
            (thrown: { code: string }) => (thrown.code === 'EVA_SONG_CONFLICT' ? 'conflict' : thrown.code),
          )
          expect(kind).toBe(expected)
          if (before === undefined) first.set(song, { seed, withBlocks })
        }
        expect(await fresh.countSongs()).toBe(first.size)
      }),
      { seed: 61, numRuns: 40 },
    )
  })

  it('a failure midway: leaves nothing of the song, and it can be published then', async () => {
    await sql`create trigger stumble before insert on song_chunk when new.chunk_id = 3 begin select raise(abort, 'stumbled'); end`.execute(
      database.sql,
    )
    await expect(catalog.publish(publication())).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
    expect(await rowCounts()).toEqual({ song: 0, song_chunk: 0, song_blocks: 0, song_rendered: 0 })
    await sql`drop trigger stumble`.execute(database.sql)
    expect((await catalog.publish(publication())).kind).toBe('created')
  })

  it('a song of thousands of chunks: is stored whole and in order', async () => {
    const song = publication({ fileSize: 2_500 * 16_384 - 5, chunkSize: 16_384 }, false)
    await catalog.publish(song)
    await database.sql.deleteFrom('song_rendered').execute()
    expect(await readJson('song-1')).toEqual(song)
  })
})

describe('catalog: finding', () => {
  it('a song there is not: is not found; one without block hashes says so', async () => {
    await expect(catalog.findManifest(id('song-1'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    await expect(catalog.findBlocks(id('song-1'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    await catalog.publish(publication({}, false))
    await expect(catalog.findBlocks(id('song-1'))).rejects.toMatchObject({ code: 'EVA_NO_BLOCKS' })
  })

  it('the rendered cache: lost: is made again, the same', async () => {
    await catalog.publish(publication({ artist: 'A' }))
    const before = await catalog.findManifest(id('song-1'))
    await database.sql.deleteFrom('song_rendered').execute()
    const after = await catalogOn(database).findManifest(id('song-1'))
    expect(after).toEqual(before)
    expect((await rowCounts()).song_rendered).toBe(1)
  })

  it('a lookup: however many songs: reads by key, and a repeated one reads nothing', async () => {
    const statements: CompiledQuery[] = []
    const recording = catalogOn({ ...database, sql: database.sql.withPlugin(recorder(statements)) })
    await recording.publish(publication())
    await recording.search({ query: 'noise', limit: 5, cursor: (await cursorAfterTwo()) ?? '' })
    statements.length = 0
    await recording.findManifest(id('song-1'))
    await recording.findBlocks(id('song-1'))
    const { length } = statements
    expect(length).toBeLessThanOrEqual(2)
    await recording.findManifest(id('song-1'))
    await recording.findBlocks(id('song-1'))
    expect(statements).toHaveLength(length)
    await database.sql.deleteFrom('song_rendered').execute()
    await recording.edit(id('song-1'), { title: 'New' })
    for (const statement of statements) expect(await planOf(statement)).not.toMatch(/SCAN|TEMP B-TREE/)
  })

  it('a page of the list: walks the index of titles and sorts nothing', async () => {
    const cursor = await cursorAfterTwo()
    const statements: CompiledQuery[] = []
    const recording = catalogOn({ ...database, sql: database.sql.withPlugin(recorder(statements)) })
    await recording.search({ limit: 2 })
    await recording.search({ limit: 2, cursor: cursor ?? '' })
    expect(statements).toHaveLength(2)
    const plans = await Promise.all(statements.map(planOf))
    for (const plan of plans) {
      expect(plan).toContain('song_by_title')
      expect(plan).not.toContain('TEMP B-TREE')
    }
    expect(plans[1]).toContain('SEARCH')
  })

  async function cursorAfterTwo(): Promise<string | undefined> {
    for (const title of ['A', 'B', 'C', 'D']) await catalog.publish(tinySong(`tiny-${title}`, { title }))
    return (await catalog.search({ limit: 2 })).nextCursor
  }

  function recorder(statements: CompiledQuery[]): KyselyPlugin {
    return {
      transformQuery: ({ node }: { node: RootOperationNode }) => {
        statements.push(database.sql.getExecutor().compileQuery(node, createQueryId()))
        return node
      },
      transformResult: async ({ result }) => result,
    }
  }

  async function planOf(statement: CompiledQuery): Promise<string> {
    const { rows } = await database.sql.executeQuery<{ detail: string }>(
      CompiledQuery.raw(`explain query plan ${statement.sql}`, [...statement.parameters]),
    )
    return rows.map(({ detail }) => detail).join('; ')
  }
})

describe('catalog: searching', () => {
  const search = async (query: string) => (await catalog.search({ query })).songs.map(song => song.id)

  beforeEach(async () => {
    await catalog.publish(tinySong('a', { title: 'Straße nach Süden', artist: 'Björk', album: '100% Live_Set' }))
    await catalog.publish(tinySong('b', { title: 'Blue', artist: 'Straus', album: 'C:\\Music' }))
    await catalog.publish(tinySong('c', { title: 'blue', artist: 'Ωμέγα' }))
  })

  it.each([
    ['', ['b', 'c', 'a']],
    ['blue', ['b', 'c']],
    ['STRASSE', ['a']],
    ['bjork', ['a']],
    ['süden björk', ['a']],
    ['suden straus', []],
    ['%', ['a']],
    ['100%', ['a']],
    ['100_', []],
    ['e_s', ['a']],
    ['_', ['a']],
    ['\\', ['b']],
    ["' or 1=1 --", []],
    ['ωμεγα', ['c']],
    ['live_set björk', ['a']],
    ['nowhere', []],
  ])('the query "%s": finds %j', async (query, found) => {
    expect(await search(query)).toEqual(found)
  })

  it('a summary: has what describes the song and no chunks', async () => {
    const { songs } = await catalog.search({ query: 'bjork' })
    expect(songs).toEqual([
      { id: 'a', title: 'Straße nach Süden', artist: 'Björk', album: '100% Live_Set', fileSize: 1, chunkSize: 16_384, chunkCount: 1 },
    ])
  })

  it('any titles and page sizes: the pages show every song exactly once, by title, then id', async () => {
    const title = fc.oneof(fc.constantFrom('Same', 'same', 'SÄME', 'b'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }))
    await fc.assert(
      fc.asyncProperty(fc.array(title, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), async (titles, limit) => {
        await database.sql.deleteFrom('song').execute()
        for (const [index, each] of titles.entries()) await catalog.publish(tinySong(`s-${index}`, { title: each.replaceAll('\0', '0') }))
        const seen: { id: string; title: string }[] = []
        let cursor: string | undefined
        do {
          const page = await catalog.search(cursor === undefined ? { limit } : { limit, cursor })
          expect(page.songs.length).toBeLessThanOrEqual(limit)
          seen.push(...page.songs)
          cursor = page.nextCursor
        } while (cursor !== undefined)
        expect(seen.map(song => song.id).sort()).toEqual(titles.map((_, index) => `s-${index}`).sort())
        const keys = seen.map(song => Buffer.from(`${Array.from(folded(song.title)).slice(0, 128).join('')}\0${song.id}`))
        expect([...keys].sort((left, right) => left.compare(right))).toEqual(keys)
      }),
      { seed: 62, numRuns: 40 },
    )
  })

  it('long titles: alike in their first hundred letters: come by the rest, not by id', async () => {
    for (const [songId, end] of [
      ['z', 'a'],
      ['y', 'b'],
      ['x', 'c'],
    ] as const)
      await catalog.publish(tinySong(songId, { title: `${'long '.repeat(20)}${end}` }))
    expect(await search('long')).toEqual(['z', 'y', 'x'])
  })

  it('the last page: exactly full: has no cursor', async () => {
    expect(await catalog.search({ limit: 3 })).not.toHaveProperty('nextCursor')
    expect(await catalog.search({ limit: 2 })).toHaveProperty('nextCursor')
  })

  it.each(['x', 'bnVsbA', 'W10', 'WzEsMl0', 'WzEsImEiXQ', 'WyJhIiwiYiIsImMiXQ', 'eyJhIjoxfQ'])(
    'the cursor "%s": was not handed out: is refused',
    async cursor => {
      await expect(catalog.search({ cursor })).rejects.toMatchObject({ code: 'EVA_REQUEST_INVALID', details: { field: 'cursor' } })
    },
  )
})

describe('catalog: editing and removing', () => {
  it('an edit: changes what it names, keeps the rest, and the digest changes', async () => {
    const { blockHashes: _, ...manifest } = publication({ artist: 'Old', album: 'Album' })
    await catalog.publish(publication({ artist: 'Old', album: 'Album' }))
    const before = await catalog.findManifest(id('song-1'))
    const after = await catalog.edit(id('song-1'), { title: 'New', artist: null, year: 2001 })
    const { artist: _artist, ...kept } = manifest
    expect(JSON.parse(after.body.toString())).toEqual({ ...kept, title: 'New', year: 2001 })
    expect(after.digest).not.toBe(before.digest)
    expect(await catalog.findManifest(id('song-1'))).toEqual(after)
    expect((await catalog.search({ query: 'old' })).songs).toEqual([])
    expect((await catalog.search({ query: 'new album' })).songs).toHaveLength(1)
    expect((await catalogOn(database).findManifest(id('song-1'))).digest).toBe(after.digest)
  })

  it('an edited song: published again as at first: is unchanged and stays edited', async () => {
    await catalog.publish(publication())
    await catalog.edit(id('song-1'), { title: 'New' })
    expect((await catalog.publish(publication())).kind).toBe('unchanged')
    expect(await readJson('song-1')).toMatchObject({ title: 'New' })
  })

  it('a song: removed: leaves no row and no cached copy, and its id is free', async () => {
    await catalog.publish(publication())
    await catalog.findManifest(id('song-1'))
    await catalog.findBlocks(id('song-1'))
    await catalog.remove(id('song-1'))
    expect(await rowCounts()).toEqual({ song: 0, song_chunk: 0, song_blocks: 0, song_rendered: 0 })
    await expect(catalog.findManifest(id('song-1'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    await expect(catalog.findBlocks(id('song-1'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    expect((await catalog.publish(publication({ seed: 2 }))).kind).toBe('created')
  })

  it('a song there is not: edited or removed: is not found', async () => {
    await expect(catalog.edit(id('song-1'), { title: 'x' })).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    await expect(catalog.remove(id('song-1'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
  })
})
