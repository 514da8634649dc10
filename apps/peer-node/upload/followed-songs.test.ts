// What a listener says of a song that is followed, against the song's shape; connections are peer-connection.test.ts's.
import type { SongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import type { Arriving } from '@evastream/protocol/peer-frames'
import { expect, test } from 'vitest'
import { type FollowedSong, FollowedSongs } from './followed-songs.ts'

/** Two chunks of four blocks, and one of two and a bit. */
const shape = { fileSize: 2 * 64 * KIB + 40_000, chunkSize: 64 * KIB, chunkCount: 3 }

function listed() {
  const songs = new FollowedSongs()
  const song = songs.add('song-1' as SongId, shape)
  songs.partRead({ kind: 'bitfield', handle: 1, firstChunk: 0, isLast: true, bits: new Uint8Array() })
  return { songs, song: song as FollowedSong }
}

const arriving = (chunkId: number, blocks: readonly number[]): Arriving => ({ kind: 'arriving', handle: 1, chunks: [{ chunkId, blocks }] })

test('followed songs: the last block of each chunk is on its way: is taken, also where the last chunk is short', () => {
  const { songs, song } = listed()
  expect(songs.arrivingRead(arriving(0, [0, 3]))).toBe(song)
  expect(songs.arrivingRead(arriving(2, [2]))).toBe(song)
})

test.each([
  ['a block past the end of a chunk', 1, [0, 4]],
  ['a block past the end of the last chunk, which is short', 2, [3]],
  ['a chunk past the end of the song', 3, [0]],
] as const)('followed songs: %s: breaks the protocol', (_what, chunkId, blocks) => {
  const { songs } = listed()
  expect(() => songs.arrivingRead(arriving(chunkId, blocks))).toThrow(expect.objectContaining({ code: 'EVA_PEER_PROTOCOL' }))
})

test('followed songs: news of a subscription that has ended: are nobody’s', () => {
  const { songs, song } = listed()
  songs.remove(song)
  expect(songs.arrivingRead(arriving(9, [9]))).toBeUndefined()
})
