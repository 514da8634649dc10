// Checks what a publication must agree on with itself, and when two are the same.

import type { Manifest } from '@evastream/core/manifest'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderManifest } from './manifest-rendering.ts'
import { firstDifference, parsePublication } from './song-publication.ts'

const { manifest, blockHashes } = songFixture({ title: 'Song', artist: 'Artist' })
const body = (changes: Partial<PublishBody> = {}): PublishBody => ({ ...manifest, chunks: [...manifest.chunks], ...changes })
const base64 = Buffer.from(blockHashes).toString('base64')

const storedAs = (published: Manifest, current: Manifest = published, blocksDigest?: string) => ({
  manifest: current,
  digests: [renderManifest(published).digest, renderManifest(current).digest],
  blocksDigest,
})

describe('rendering', () => {
  it('fields in any order: give the same bytes', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.entries(manifest), { minLength: Object.keys(manifest).length }), entries => {
        expect(renderManifest(Object.fromEntries(entries) as unknown as Manifest)).toEqual(renderManifest(manifest))
      }),
      { seed: 51 },
    )
  })

  it('the bytes: read as JSON: are the manifest', () => {
    expect(JSON.parse(renderManifest(manifest).body.toString())).toEqual(manifest)
  })
})

describe('a publication', () => {
  it('with block hashes: keeps them as bytes, apart from the manifest', () => {
    const publication = parsePublication(body({ blockHashes: base64 }))
    expect(publication.blocks?.body.equals(blockHashes)).toBe(true)
    expect(publication.manifest).not.toHaveProperty('blockHashes')
    expect(publication.rendered.body.toString()).not.toContain('blockHashes')
  })

  it.each<[string, Partial<PublishBody>, string]>([
    ['a chunk size of 0', { chunkSize: 0 }, 'chunkSize'],
    ['a chunk size past 4 MiB', { chunkSize: 4 * 1024 * 1024 + 1 }, 'chunkSize'],
    ['a file size of 0', { fileSize: 0 }, 'fileSize'],
    ['a count that does not fit', { chunkCount: 4 }, 'chunkCount'],
    ['fewer chunks than counted', { chunks: manifest.chunks.slice(1) }, 'chunks'],
    ['chunks out of order', { chunks: [...manifest.chunks].reverse() }, 'chunks[0].chunkId'],
    ['a hash in capitals', { chunks: manifest.chunks.map(chunk => ({ ...chunk, hash: chunk.hash.toUpperCase() })) }, 'chunks[0].hash'],
    ['block hashes one short', { blockHashes: Buffer.from(blockHashes.subarray(32)).toString('base64') }, 'blockHashes'],
    ['block hashes one byte long', { blockHashes: Buffer.concat([blockHashes, Buffer.of(0)]).toString('base64') }, 'blockHashes'],
    ['block hashes in base64url', { blockHashes: `-_${base64.slice(2)}` }, 'blockHashes'],
    ['block hashes with a line break', { blockHashes: `${base64.slice(0, 76)}\n${base64.slice(76)}` }, 'blockHashes'],
    ['no block hashes at all', { blockHashes: '' }, 'blockHashes'],
  ])('%s: is refused naming the field', (_what, changes, field) => {
    expect(() => parsePublication(body(changes))).toThrow(
      expect.objectContaining({ code: 'EVA_MANIFEST_INVALID', details: expect.objectContaining({ field }) }),
    )
  })

  it('the same again: has no difference', () => {
    expect(firstDifference(parsePublication(body()), storedAs(manifest))).toBeUndefined()
  })

  it('after an edit: what was first published and what stands now are both the same song', () => {
    const edited = { ...manifest, title: 'Edited' }
    expect(firstDifference(parsePublication(body()), storedAs(manifest, edited))).toBeUndefined()
    expect(firstDifference(parsePublication(body({ title: 'Edited' })), storedAs(manifest, edited))).toBeUndefined()
    expect(firstDifference(parsePublication(body({ title: 'Third' })), storedAs(manifest, edited))).toBe('title')
  })

  it('another: names the field that differs, sizes before hashes before description', () => {
    const other = songFixture({ title: 'Other', seed: 2 }).manifest
    expect(firstDifference(parsePublication(body()), storedAs(other))).toBe('chunks[0].hash')
    expect(firstDifference(parsePublication(body()), storedAs(songFixture({ fileSize: 300_001 }).manifest))).toBe('fileSize')
    expect(firstDifference(parsePublication(body()), storedAs({ ...manifest, artist: 'Another' }))).toBe('artist')
    const { artist: _, ...withoutArtist } = manifest
    expect(firstDifference(parsePublication(body()), storedAs(withoutArtist))).toBe('artist')
  })

  it('block hashes: other ones, or ones where none are stored: differ; left out: do not', () => {
    const withBlocks = parsePublication(body({ blockHashes: base64 }))
    const digest = withBlocks.blocks?.digest
    expect(firstDifference(withBlocks, storedAs(manifest, manifest, digest))).toBeUndefined()
    expect(firstDifference(withBlocks, storedAs(manifest, manifest, 'another'))).toBe('blockHashes')
    expect(firstDifference(withBlocks, storedAs(manifest))).toBe('blockHashes')
    expect(firstDifference(parsePublication(body()), storedAs(manifest, manifest, digest))).toBeUndefined()
  })
})
