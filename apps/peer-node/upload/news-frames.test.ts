// One song's news as bytes: what a subscriber reads of them, and that subscribers of one handle share them.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { PeerFrameReader } from '@evastream/protocol/peer-frame-reader'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import { CONTROL_FRAME_MAX_BYTES, HAVE_CHUNKS_MAX, type PeerFrame } from '@evastream/protocol/peer-frames'
import { describe, expect, it } from 'vitest'
import { NewsFrames, type ToldNews } from './news-frames.ts'

const songId = parseSongId('song-1')
const nothing = () => undefined

function newsFrames(news: Partial<ToldNews>): NewsFrames {
  return new NewsFrames({ songId, held: [], arriving: [], ...news })
}

/** As the dialer who subscribed reads them. */
function framesIn(encoded: readonly Uint8Array[]): PeerFrame[] {
  const frames: PeerFrame[] = []
  const frameRead = (frame: unknown) => void frames.push(frame as PeerFrame)
  const reader = new PeerFrameReader({ frameRead, dataStarted: nothing, dataRead: nothing, dataEnded: nothing }, { sender: 'listener' })
  reader.push(encodeFrame({ kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: parsePeerId('uploader') }))
  for (const bytes of encoded) reader.push(bytes)
  return frames.slice(1)
}

describe('news frames', () => {
  it('what is held and what is arriving: is told in this order, under the handle asked for', () => {
    const news = newsFrames({ held: [4, 2], arriving: [{ chunkId: 7, blocks: [0, 3] }] })
    for (const handle of [3, 9])
      expect(framesIn(news.encodedFor(handle))).toEqual([
        { kind: 'have', handle, chunkIds: [4, 2] },
        { kind: 'arriving', handle, chunks: [{ chunkId: 7, blocks: [0, 3] }] },
      ])
  })

  it('subscribers with the same handle: are sent the same bytes, and those with another one others', () => {
    const news = newsFrames({ held: [1] })
    expect(news.encodedFor(1)).toBe(news.encodedFor(1))
    expect(news.encodedFor(1)).not.toEqual(news.encodedFor(2))
  })

  it('there is nothing to tell: makes no frame', () => {
    expect(newsFrames({}).encodedFor(1)).toEqual([])
  })

  it('more than one frame may tell: as few as can be, each within what the protocol allows, and nothing lost', () => {
    const held = Array.from({ length: 2 * HAVE_CHUNKS_MAX + 1 }, (_, index) => index)
    const arriving = Array.from({ length: 400 }, (_, index) => ({ chunkId: 1000 + index, blocks: [index % 50] }))
    const encoded = newsFrames({ held, arriving }).encodedFor(1)
    for (const { length } of encoded) expect(length).toBeLessThanOrEqual(CONTROL_FRAME_MAX_BYTES)
    const frames = framesIn(encoded)
    const haves = frames.flatMap(frame => (frame.kind === 'have' ? [frame.chunkIds] : []))
    expect(haves.map(({ length }) => length)).toEqual([HAVE_CHUNKS_MAX, HAVE_CHUNKS_MAX, 1])
    expect(haves.flat()).toEqual(held)
    expect(frames.flatMap(frame => (frame.kind === 'arriving' ? frame.chunks : []))).toEqual(arriving)
  })
})
