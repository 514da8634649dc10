// Who is told what becomes of a chunk: everybody whom it concerns, and nobody of a song that is not open.
// Not how they are told.
// Invariant: the expected list is complete; a further call is a failure.

import { parseSongId } from '@evastream/core/ids'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { ChunkNews } from './chunk-news.ts'

const songId = parseSongId('song-1')
const progress = { songId, chunkCount: 5, chunksHeld: 3, complete: false }

function newStage(isOpen = true) {
  const told: unknown[] = []
  const note =
    (who: string) =>
    (...what: unknown[]) =>
      void told.push([who, ...what])
  const status = isOpen ? progress : undefined
  const log = new RecordedLog()
  const news = new ChunkNews({
    library: { statusOf: () => status, chunkStored: () => status },
    coordinator: { chunkLost: note('scheduler lost') },
    uploads: {
      announceHave: note('peers have'),
      announceArriving: note('peers await'),
      announceLack: note('peers lack'),
    },
    announcer: { acquired: note('tracker acquired'), released: note('tracker released') },
    events: { publish: note('watchers') },
    log,
  })
  return { news, told, log }
}

describe('chunk news', () => {
  it('a song is opened: peers, tracker and watchers hear what is held of it', () => {
    const { news, told } = newStage()
    news.songOpened(songFixture().manifest, [0, 2, 4])
    expect(told).toEqual([
      ['peers have', songId, [0, 2, 4]],
      ['tracker acquired', songId, [0, 2, 4]],
      ['watchers', { kind: 'song-opened', ...progress }],
    ])
  })

  it('a chunk is stored: peers, tracker and watchers hear of it, the watchers also where it came from', () => {
    const { news, told } = newStage()
    news.chunkStored({ songId, chunkId: 2, split: { originBytes: 1, peerBytes: 2 } })
    expect(told).toEqual([
      ['peers have', songId, [2]],
      ['tracker acquired', songId, [2]],
      ['watchers', { kind: 'chunk-stored', ...progress, chunkId: 2, originBytes: 1, peerBytes: 2 }],
    ])
  })

  it('a chunk is arriving, block after block, and is given up: the peers alone hear of it', () => {
    const { news, told } = newStage()
    news.chunkArriving(songId, 2)
    news.chunkArriving(songId, 2)
    news.arrivalEnded(songId, 2)
    expect(told).toEqual([
      ['peers await', songId, [2]],
      ['peers await', songId, [2]],
      ['peers lack', songId, [2]],
    ])
  })

  it('a chunk is lost: everybody hears of it, the Scheduler first', () => {
    const { news, told, log } = newStage()
    news.chunkLost(songId, 2, 'its hash does not fit')
    expect(told).toEqual([
      ['scheduler lost', songId, 2],
      ['peers lack', songId, [2]],
      ['tracker released', songId, [2]],
      ['watchers', { kind: 'chunk-lost', ...progress, chunkId: 2 }],
    ])
    expect(log.messages('warn')).toEqual(['A stored chunk is given up: its hash does not fit.'])
  })

  it('a chunk is lost before its song is open: only the log hears of it', () => {
    const { news, told, log } = newStage(false)
    news.chunkLost(songId, 2, 'its file was cut short')
    expect([told, log.messages('warn').length]).toEqual([[], 1])
  })

  it('chunks are evicted: everybody hears of them as of lost ones, peers and tracker of all together', () => {
    const { news, told, log } = newStage()
    news.chunksEvicted(songId, [1, 2])
    expect(told).toEqual([
      ['scheduler lost', songId, 1],
      ['scheduler lost', songId, 2],
      ['peers lack', songId, [1, 2]],
      ['tracker released', songId, [1, 2]],
      ['watchers', { kind: 'chunk-lost', ...progress, chunkId: 1 }],
      ['watchers', { kind: 'chunk-lost', ...progress, chunkId: 2 }],
    ])
    expect(log.messages('warn')).toEqual([])
  })
})
