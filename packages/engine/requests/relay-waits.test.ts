// Which requests wait for a block that their source, as far as it has told, has not got.
// Not when they move on (relay-moves.test.ts).

import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { waitingRequestCount } from './relay-waits.ts'

/** Anna is receiving chunks 0 and 1, and of each she has these blocks. */
function receiving(blocks: readonly number[], changes: { readonly hasBlockHashes?: boolean } = {}) {
  const parts = new EngineParts()
  const song = parts.addSong(changes)
  const anna = parts.addPeer('anna', song, [])
  const tell = (now: readonly number[]) =>
    parts.state.peers.arriving(song.songId, anna, { chunks: [0, 1].map(chunkId => ({ chunkId, blocks: now })), at: 10 })
  tell(blocks)
  return { parts, song, anna, tell, count: () => waitingRequestCount(parts.state) }
}

describe('relay waits', () => {
  test('the first block that is missing is there: does not wait; it is not: waits', () => {
    const { parts, song, count } = receiving([0, 1])
    expect(count()).toBe(0)
    parts.ask(song, fromPeer('anna'), { blockCount: 4 })
    expect(count()).toBe(0)
    parts.ask(song, fromPeer('anna'), { chunkId: 1, firstBlock: 2, blockCount: 4 })
    expect(count()).toBe(1)
    parts.ask(song, fromPeer('anna'), { chunkId: 1, firstBlock: 8, blockCount: 4 })
    expect(count()).toBe(2)
  })

  test('all that is there has come: waits for the next; that is told: does not wait any more', () => {
    const { parts, song, tell, count } = receiving([0, 1])
    const request = parts.ask(song, fromPeer('anna'), { blockCount: 4 })
    parts.desk.blocksArrived(request, { firstBlock: 0, blockCount: 1 })
    expect(count()).toBe(0)
    parts.desk.blocksArrived(request, { firstBlock: 1, blockCount: 1 })
    expect(count()).toBe(1)
    tell([0, 1, 2])
    expect(count()).toBe(0)
  })

  test('its source holds the chunk by now, or is gone: does not wait', () => {
    const held = receiving([])
    held.parts.ask(held.song, fromPeer('anna'), { blockCount: 4 })
    expect(held.count()).toBe(1)
    held.parts.state.peers.has(held.song.songId, held.anna, [0])
    expect(held.count()).toBe(0)
    const gone = receiving([])
    gone.parts.ask(gone.song, fromPeer('anna'), { blockCount: 4 })
    gone.parts.state.peers.remove(gone.anna)
    expect(gone.count()).toBe(0)
  })

  test('its source has given the chunk up, and has not said that it cannot send: waits', () => {
    const { parts, song, anna, count } = receiving([0])
    parts.ask(song, fromPeer('anna'), { blockCount: 4 })
    parts.state.peers.lacks(song.songId, anna, [0])
    expect(count()).toBe(1)
  })

  test('the origin, and a peer that holds the chunk: never', () => {
    const { parts, song, count } = receiving([])
    parts.addPeer('boris', song, [0])
    parts.ask(song, fromOrigin, { chunkId: 1, blockCount: 4 })
    parts.ask(song, fromPeer('boris'), { blockCount: 4 })
    expect(count()).toBe(0)
  })

  test('a song that is judged by whole chunks: never', () => {
    const { parts, song, count } = receiving([], { hasBlockHashes: false })
    parts.ask(song, fromPeer('anna'))
    expect(count()).toBe(0)
  })

  test('a request that only doubles another: not before what it doubles is gone', () => {
    const { parts, song, count } = receiving([])
    parts.addPeer('boris', song, [0])
    const first = parts.ask(song, fromPeer('boris'), { blockCount: 4 })
    parts.hedge(first, fromPeer('anna'))
    expect(count()).toBe(0)
    parts.desk.failed(first)
    expect(count()).toBe(1)
  })
})
