// The manifests on disk: read back as written, or not at all.
// Not the library that decides when to read them.
// Invariant: no damage to a file yields another manifest or other block hashes.

import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSongId } from '@evastream/core/ids'
import { songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManifestCache } from './manifest-cache.ts'
import { songPaths } from './store-layout.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-cache-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function listed(cache: ManifestCache): Promise<string[]> {
  const songs = await Promise.all((await cache.directories()).map(name => cache.readIn(name)))
  return songs.flatMap(song => (song === undefined ? [] : [song.manifest.id]))
}

describe('manifest cache', () => {
  it('a song, with and without block hashes: is read back as it was written', async () => {
    const cache = new ManifestCache({ directory })
    const { manifest, blockHashes } = songFixture({ title: 'Ünï \u0000 </script>', artist: 'A' })
    await cache.write({ manifest, blockHashes })
    expect(await cache.read(manifest.id)).toEqual({ manifest, blockHashes: Buffer.from(blockHashes) })
    await cache.write({ manifest: { ...manifest, title: 'New' }, blockHashes: undefined })
    expect(await cache.read(manifest.id)).toEqual({ manifest: { ...manifest, title: 'New' }, blockHashes: undefined })
  })

  it('nothing, or an empty directory: is no song', async () => {
    const cache = new ManifestCache({ directory })
    expect([await listed(cache), await cache.read(parseSongId('none'))]).toEqual([[], undefined])
    await mkdir(join(directory, 'songs', 'empty'), { recursive: true })
    expect(await listed(cache)).toEqual([])
  })

  it('songs whose names need another spelling on disk: are all listed by their own names', async () => {
    const cache = new ManifestCache({ directory })
    const ids = ['song', 'SONG', 'Song', 'con', 'a.', 'x'.repeat(128)]
    for (const [seed, songId] of ids.entries())
      await cache.write({ manifest: songFixture({ songId, seed, fileSize: 10 }).manifest, blockHashes: undefined })
    expect((await listed(cache)).sort()).toEqual([...ids].sort())
    for (const [seed, songId] of ids.entries()) expect((await cache.read(parseSongId(songId)))?.manifest.title).toBe(`Noise ${seed}`)
  })

  it('a directory copied under another name: is not taken for that song', async () => {
    const cache = new ManifestCache({ directory })
    const { manifest } = songFixture({ songId: 'song-1' })
    await cache.write({ manifest, blockHashes: undefined })
    const other = songPaths(directory, parseSongId('song-2'))
    await mkdir(other.directory, { recursive: true })
    await writeFile(other.manifest, await readFile(songPaths(directory, manifest.id).manifest))
    expect([await listed(cache), await cache.read(parseSongId('song-2'))]).toEqual([['song-1'], undefined])
  })

  it('any byte changed, or any end cut off: nothing is read, or what was written', async () => {
    const cache = new ManifestCache({ directory })
    const { manifest, blockHashes } = songFixture({ fileSize: 40_000 })
    const paths = songPaths(directory, manifest.id)
    const damage = fc.record({
      file: fc.constantFrom(paths.manifest, paths.blockHashes),
      at: fc.double({ min: 0, max: 0.9999, noNaN: true }),
      cuts: fc.boolean(),
      flip: fc.integer({ min: 1, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, at, cuts, flip }) => {
        await cache.write({ manifest, blockHashes })
        const bytes = await readFile(file)
        const position = Math.floor(at * bytes.length)
        if (cuts) await truncate(file, position)
        else await writeFile(file, bytes.with(position, (bytes[position] as number) ^ flip))
        const known = await cache.read(manifest.id)
        if (known !== undefined) expect(known).toEqual({ manifest, blockHashes: Buffer.from(blockHashes) })
      }),
      { seed: 5, numRuns: 150 },
    )
  })

  it('one digit of a chunk hash changed: nothing is read, so that no honest peer is blamed', async () => {
    const cache = new ManifestCache({ directory })
    const { manifest } = songFixture()
    await cache.write({ manifest, blockHashes: undefined })
    const path = songPaths(directory, manifest.id).manifest
    const [first, other] = [manifest.chunks[0]?.hash ?? '', songFixture({ seed: 2 }).manifest.chunks[0]?.hash ?? '']
    await writeFile(path, (await readFile(path, 'utf8')).replace(first, other))
    expect(await cache.read(manifest.id)).toBeUndefined()
  })

  it('a manifest that agrees with its digest and not with itself: is not believed', async () => {
    const cache = new ManifestCache({ directory })
    const { manifest } = songFixture()
    await cache.write({ manifest: { ...manifest, chunkCount: 4 }, blockHashes: undefined })
    expect(await cache.read(manifest.id)).toBeUndefined()
  })

  it('a wanted or a pinned song: is so after a restart; others are not', async () => {
    const { manifest } = songFixture()
    const cache = new ManifestCache({ directory })
    const afterRestart = () => new ManifestCache({ directory }).marksOf(manifest.id)
    await cache.write({ manifest, blockHashes: undefined })
    expect(await afterRestart()).toEqual({ isWanted: false, isPinned: false })
    await cache.markWanted(manifest.id)
    await cache.markPinned(manifest.id, true)
    expect(await afterRestart()).toEqual({ isWanted: true, isPinned: true })
    await cache.markPinned(manifest.id, false)
    await cache.markPinned(manifest.id, false)
    expect(await afterRestart()).toEqual({ isWanted: true, isPinned: false })
  })
})
