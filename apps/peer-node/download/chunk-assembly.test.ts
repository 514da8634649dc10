// The assembly of one chunk: what is verified, what is kept, and that nothing verified is ever written to again.
// Not requests and sources: bytes are put into targets by hand.
// Invariant: each test ends with the chunk's published bytes, or with what is missing of them.

import { createHash } from 'node:crypto'
import { firstBlockIndexOf } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AssemblyRun, ChunkAssembly, type RunOptions } from './chunk-assembly.ts'

const BLOCK = 16 * KIB

function assemblyOf(song: SongFixture, chunkId: number, withHashes = true): ChunkAssembly {
  const first = firstBlockIndexOf(song.manifest, chunkId) * 32
  const blockHashes = withHashes ? song.blockHashes.subarray(first) : undefined
  return new ChunkAssembly({ shape: song.manifest, chunkId, blockHashes })
}

function fill(run: AssemblyRun, bytes: Uint8Array) {
  run.target.set(bytes)
  return run.arrived(bytes.length)
}

const fromPeer = (firstBlock: number, blockCount: number): RunOptions => ({ firstBlock, blockCount, source: 'peer', checksBlocks: true })
const fromOrigin = (firstBlock: number, blockCount: number): RunOptions => ({ ...fromPeer(firstBlock, blockCount), source: 'origin' })

describe('chunk assembly', () => {
  it.each([
    ['four blocks', 64 * KIB, 64 * KIB],
    ['a short last block', 50_001, 64 * KIB],
    ['one byte', 1, 16 * KIB],
    ['a crooked chunk size', 40_001, 40_001],
  ])(
    'a run over the whole chunk: %s, in slices of any size: each block is told once, in order, and the chunk is whole',
    (_name, fileSize, chunkSize) => {
      const song = songFixture({ fileSize, chunkSize })
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 12 }), slices => {
          const assembly = assemblyOf(song, 0)
          const blockCount = Math.ceil(fileSize / BLOCK)
          const run = assembly.begin(fromOrigin(0, blockCount))
          let verifiedCount = 0
          let filled = 0
          for (const size of [...slices, fileSize]) {
            filled = Math.min(fileSize, filled + size)
            run.target.set(song.bytes.subarray(0, filled))
            const progress = run.arrived(filled)
            expect(progress.isSpoiled).toBe(false)
            verifiedCount += progress.verifiedCount
            expect(run.verifiedCount).toBe(verifiedCount)
          }
          expect(verifiedCount).toBe(blockCount)
          expect(assembly.isWhole).toBe(true)
          expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
          expect(assembly.split()).toEqual({ originBytes: fileSize, peerBytes: 0 })
          expect(run.wastedBytes).toBe(0)
        }),
        { seed: 3, numRuns: 40 },
      )
    },
  )

  it('a bad byte in the third block: the two before are kept, the rest is waste', () => {
    const song = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB })
    const assembly = assemblyOf(song, 0)
    const run = assembly.begin(fromPeer(0, 4))
    const bad = song.bytes.slice()
    bad[2 * BLOCK + 5] = (bad[2 * BLOCK + 5] as number) ^ 1
    fill(run, bad.subarray(0, 2 * BLOCK))
    expect(fill(run, bad)).toEqual({ verifiedCount: 0, isSpoiled: true })
    expect(run.wastedBytes).toBe(2 * BLOCK)
    expect(assembly.split()).toEqual({ originBytes: 0, peerBytes: 2 * BLOCK })
    run.settled()
    fill(assembly.begin(fromOrigin(2, 2)), song.bytes.subarray(2 * BLOCK))
    expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
    expect(assembly.split()).toEqual({ originBytes: 2 * BLOCK, peerBytes: 2 * BLOCK })
  })

  it('a hedge that is quicker: both end: the late copy is waste, and the chunk is the published one', () => {
    const song = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB })
    const assembly = assemblyOf(song, 0)
    const slow = assembly.begin(fromPeer(0, 4))
    fill(slow, song.bytes.subarray(0, BLOCK))
    const hedge = assembly.begin(fromOrigin(1, 3))
    expect(hedge.target.buffer).not.toBe(slow.target.buffer)
    fill(hedge, song.bytes.subarray(BLOCK))
    expect(assembly.isWhole).toBe(true)
    fill(slow, song.bytes)
    expect([slow.wastedBytes, hedge.wastedBytes]).toEqual([3 * BLOCK, 0])
    expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
  })

  it('a cancelled run that goes on writing lies: blocks that others verified meanwhile stay right', () => {
    const song = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB })
    const assembly = assemblyOf(song, 0)
    const cancelled = assembly.begin(fromPeer(0, 4))
    const successor = assembly.begin(fromOrigin(0, 4))
    fill(successor, song.bytes)
    cancelled.target.fill(0xee)
    expect(assembly.isWhole).toBe(true)
    expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
    cancelled.settled()
    cancelled.target.fill(0xdd)
    expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
  })

  it('runs after one another without trouble: nothing is copied', () => {
    const song = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB })
    const assembly = assemblyOf(song, 0)
    const first = assembly.begin(fromPeer(0, 2))
    const failed = assembly.begin(fromPeer(2, 2))
    fill(first, song.bytes.subarray(0, 2 * BLOCK))
    failed.settled()
    const second = assembly.begin(fromOrigin(2, 2))
    fill(second, song.bytes.subarray(2 * BLOCK))
    expect(new Set([first, second, failed].map(run => run.target.buffer)).size).toBe(1)
    expect(assembly.toBytes().buffer).toBe(first.target.buffer)
    expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
  })

  it('a run judged by its chunk alone: nothing is kept before it has finished, then all of it', () => {
    const song = songFixture({ fileSize: 50_001, chunkSize: 64 * KIB })
    for (const withHashes of [true, false]) {
      const assembly = assemblyOf(song, 0, withHashes)
      const run = assembly.begin({ ...fromPeer(0, 4), checksBlocks: false })
      const lies = song.bytes.map(byte => byte ^ 1)
      expect(fill(run, lies)).toEqual({ verifiedCount: 0, isSpoiled: false })
      expect(assembly.isWhole).toBe(false)
      const hedge = assembly.begin({ ...fromOrigin(0, 4), checksBlocks: false })
      fill(hedge, song.bytes)
      hedge.finished()
      run.finished()
      expect(Buffer.compare(assembly.toBytes(), song.bytes)).toBe(0)
      expect([run.wastedBytes, hedge.wastedBytes]).toEqual([50_001, 0])
      expect(assembly.split()).toEqual({ originBytes: 50_001, peerBytes: 0 })
    }
  })

  it('blocks that can be handed on: are those that verified, in ascending order, and not those taken on trust', () => {
    const song = songFixture({ fileSize: 6 * BLOCK, chunkSize: 128 * KIB })
    const assembly = assemblyOf(song, 0)
    const [later, first, unchecked] = [fromPeer(4, 2), fromPeer(0, 2), { ...fromOrigin(2, 2), checksBlocks: false }].map(options =>
      assembly.begin(options),
    )
    expect(assembly.verifiedBlocks()).toEqual([])
    if (later !== undefined) fill(later, song.bytes.subarray(4 * BLOCK))
    first?.target.set(song.bytes.subarray(0, 2 * BLOCK))
    first?.arrived(BLOCK)
    unchecked?.target.set(song.bytes.subarray(2 * BLOCK, 4 * BLOCK))
    unchecked?.finished()
    expect(assembly.verifiedBlocks()).toEqual([0, 4, 5])
    assembly.prove()
    expect(assembly.verifiedBlocks()).toEqual([0, 2, 3, 4, 5])
  })

  it('a closed assembly: takes nothing more', () => {
    const song = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB })
    const assembly = assemblyOf(song, 0)
    const run = assembly.begin(fromPeer(0, 4))
    assembly.close()
    expect(fill(run, song.bytes)).toEqual({ verifiedCount: 4, isSpoiled: false })
    expect(run.wastedBytes).toBe(64 * KIB)
    expect(assembly.isWhole).toBe(false)
  })

  it('a later chunk of the song: is verified against its own blocks', () => {
    const song = songFixture({ fileSize: 300_000, chunkSize: 50_000 })
    const assembly = assemblyOf(song, 5)
    const run = assembly.begin(fromPeer(0, 4))
    fill(run, song.chunkBytes(5))
    expect(createHash('sha256').update(assembly.toBytes()).digest('hex')).toBe(song.manifest.chunks[5]?.hash)
  })
})
