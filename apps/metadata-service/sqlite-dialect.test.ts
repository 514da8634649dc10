// Checks the SQLite file itself: one process at a time, kept over restarts, and clear words for a file that is no catalog.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteFile } from '@evastream/service-kit/sqlite-file'
import { songFixture } from '@evastream/testkit/song-fixture'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Catalog } from './catalog.ts'
import { RenderedCache } from './rendered-cache.ts'
import { openSqliteCatalog } from './sqlite-dialect.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-sqlite-'))
})
afterEach(async () => await rm(directory, { recursive: true }))

const song = songFixture()
const body = { ...song.manifest, chunks: [...song.manifest.chunks] }

async function songsIn(): Promise<number> {
  const database = await openSqliteCatalog(directory)
  const count = await new Catalog({ database, cache: new RenderedCache() }).countSongs()
  await database.close()
  return count
}

describe('sqlite catalog', () => {
  it('closed and opened again: keeps its songs', async () => {
    const database = await openSqliteCatalog(directory)
    await new Catalog({ database, cache: new RenderedCache() }).publish(body)
    await database.close()
    expect(await songsIn()).toBe(1)
    expect(await songsIn()).toBe(1)
  })

  it('left as a killed process leaves it: has every finished publication', async () => {
    const database = await openSqliteCatalog(directory)
    await new Catalog({ database, cache: new RenderedCache() }).publish(body)
    const copy = await openSqliteFile(join(directory, 'songs.sqlite'))
    const { count } = copy.prepare('select count(*) as count from song').all([])[0] as { count: number }
    expect(count).toBe(1)
    expect(copy.prepare('pragma journal_mode').all([])).toEqual([{ journal_mode: 'wal' }])
    copy.close()
    await database.close()
  })

  it('its settings: are those that were decided', async () => {
    const database = await openSqliteCatalog(directory)
    const ask = async (name: string) => Object.values((await sql.raw<object>(`pragma ${name}`).execute(database.sql)).rows[0] ?? {})[0]
    expect([await ask('journal_mode'), await ask('synchronous'), await ask('foreign_keys'), await ask('busy_timeout')]).toEqual([
      'wal',
      1,
      1,
      5_000,
    ])
    await database.close()
  })

  it('open already: a second one is refused with the directory and the flag, and gets it after the first', async () => {
    const first = await openSqliteCatalog(directory)
    await expect(openSqliteCatalog(directory)).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_LOCKED',
      details: { path: directory, flag: '--data' },
    })
    await first.close()
    expect(await songsIn()).toBe(0)
  })

  it.each([
    ['garbage', 'x'.repeat(9_000)],
    ['text', 'not a database'],
  ])('a file of %s: is refused with its name, and the directory is free again', async (_what, content) => {
    const path = join(directory, 'songs.sqlite')
    await writeFile(path, content)
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(openSqliteCatalog(directory)).rejects.toMatchObject({
        code: 'EVA_STORAGE_FAILED',
        message: expect.stringContaining(path),
      })
    await rm(path)
    expect(await songsIn()).toBe(0)
  })

  it('a catalog of a newer version: is refused, not changed', async () => {
    expect(await songsIn()).toBe(0)
    const file = await openSqliteFile(join(directory, 'songs.sqlite'))
    file.run("insert into kysely_migration values ('999-from-the-future', '2099-01-01')")
    file.close()
    await expect(openSqliteCatalog(directory)).rejects.toMatchObject({
      code: 'EVA_STORAGE_FAILED',
      message: expect.stringContaining('999-from-the-future'),
    })
  })

  it('a directory there is not: is refused', async () => {
    await expect(openSqliteCatalog(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
  })

  it('a full database: says that the disk is full', async () => {
    const database = await openSqliteCatalog(directory)
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database.sql)
    await sql.raw(`pragma max_page_count = ${(rows[0]?.page_count ?? 0) + 1}`).execute(database.sql)
    const many = songFixture({ fileSize: 500 * 16_384, chunkSize: 16_384 }).manifest
    const catalog = new Catalog({ database, cache: new RenderedCache() })
    await expect(catalog.publish({ ...many, chunks: [...many.chunks] })).rejects.toMatchObject({ code: 'EVA_STORAGE_FULL' })
    expect(await catalog.countSongs()).toBe(0)
    await database.close()
  })
})
