import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { songFixture } from '@evastream/testkit/song-fixture'
import { expect, test } from 'vitest'
import { SongMaps } from './song-map.ts'

const songId = parseSongId('song-1')
const { manifest } = songFixture({ fileSize: 6 * 16 * 1024, chunkSize: 16 * 1024 })

test('song map: every chunk is shown once, with where it came from', () => {
  const held = [0, 1, 2]
  const maps = new SongMaps({
    library: { manifestOf: () => manifest },
    store: { heldChunks: () => held },
    coordinator: { chunksInFlight: () => [2, 4] },
  })
  const peerIds = [parsePeerId('a'), parsePeerId('b')]
  maps.chunkVerified({ songId, chunkId: 0, split: { originBytes: 10, peerBytes: 0 }, peerIds: [] })
  maps.chunkVerified({ songId, chunkId: 1, split: { originBytes: 1, peerBytes: 9 }, peerIds })
  // Fetched, and made room for others since.
  maps.chunkVerified({ songId, chunkId: 5, split: { originBytes: 0, peerBytes: 10 }, peerIds })
  expect(maps.mapOf(songId)).toEqual({
    songId,
    chunkCount: 6,
    chunks: 'ops.f.',
    sources: { originBytes: 11, peerBytes: 19, peerCount: 2 },
  })
})

test('song map: of ever more songs only the newest are remembered', () => {
  const maps = new SongMaps({
    library: { manifestOf: () => manifest },
    store: { heldChunks: () => [0] },
    coordinator: { chunksInFlight: () => [] },
  })
  const songIds = Array.from({ length: 300 }, (_, index) => parseSongId(`song-${index}`))
  for (const each of songIds) maps.chunkVerified({ songId: each, chunkId: 0, split: { originBytes: 10, peerBytes: 0 }, peerIds: [] })
  const remembered = songIds.filter(each => maps.mapOf(each)?.chunks.startsWith('o'))
  expect(remembered).toEqual(songIds.slice(-256))
})

test('song map: a song that is not open here has none', () => {
  const maps = new SongMaps({
    library: { manifestOf: () => undefined },
    store: { heldChunks: () => [] },
    coordinator: { chunksInFlight: () => [] },
  })
  expect(maps.mapOf(songId)).toBeUndefined()
})
