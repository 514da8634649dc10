// Checks who is told when of a chunk that arrives, without sockets: the sending is checked in upload-relay.test.ts.

import { parseSongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ArrivalWatcher } from '../download/chunk-arrivals.ts'
import { UploadRelay } from './upload-relay.ts'
import { UploadRequest } from './upload-request.ts'

const watchers = new Set<ArrivalWatcher>()
let hereBytes = 0
const arrival = {
  lengthBytes: 4 * BLOCK_SIZE_BYTES,
  verifiedBytes: (offsetBytes: number, lengthMaxBytes: number) =>
    new Uint8Array(Math.max(0, Math.min(hereBytes - offsetBytes, lengthMaxBytes))),
  watch: (watcher: ArrivalWatcher) => void watchers.add(watcher),
  unwatch: (watcher: ArrivalWatcher) => void watchers.delete(watcher),
}
const clock = fakeClock()
let told: string[] = []
let relay: UploadRelay

beforeEach(() => {
  watchers.clear()
  hereBytes = 0
  told = []
  relay = new UploadRelay({
    clock,
    ready: ({ wish }) => void told.push(`ready ${wish.requestId}`),
    stored: ({ wish }, wasWaiting) => void told.push(`stored ${wish.requestId}${wasWaiting ? ' after waiting' : ''}`),
    givenUp: ({ wish }) => void told.push(`given up ${wish.requestId}`),
  })
})

function followed(requestId: number, firstBlock: number): UploadRequest {
  const owner = { isStuck: false, serve: () => undefined, displaced: () => undefined }
  const wish = { kind: 'request', handle: 1, requestId, chunkId: 0, priority: 'seed', firstBlock, blockCount: 1 } as const
  const request = new UploadRequest(wish, { songId: parseSongId('song-1'), owner })
  request.follow(arrival)
  relay.follow(request, arrival)
  return request
}

function arrived(blockCount: number): void {
  hereBytes = blockCount * BLOCK_SIZE_BYTES
  for (const watcher of [...watchers]) watcher.arrived()
}

describe('upload relay: who waits', () => {
  it('blocks that arrive: those whose next block is here are ready, once, and the others wait on', () => {
    for (const request of [followed(1, 0), followed(2, 2)]) relay.wait(request)
    arrived(1)
    expect(told).toEqual(['ready 1'])
    arrived(2)
    arrived(3)
    arrived(4)
    expect(told).toEqual(['ready 1', 'ready 2'])
  })

  it('a request that is forgotten: is not watched for any more, and told nothing', () => {
    const request = followed(1, 0)
    relay.wait(request)
    relay.forget(request)
    expect([watchers.size, relay.followedCount, relay.overdue(clock.now() + 1e9, 0)]).toEqual([0, 0, []])
    arrived(4)
    expect(told).toEqual([])
  })

  it('the end of the chunk: everybody is told once how it ended, and whether they waited', () => {
    relay.wait(followed(1, 0))
    followed(2, 0)
    for (const watcher of [...watchers]) watcher.ended(true)
    relay.wait(followed(3, 0))
    for (const watcher of [...watchers]) watcher.ended(false)
    expect([told, watchers.size]).toEqual([['stored 1 after waiting', 'stored 2', 'given up 3'], 0])
  })

  it('who has waited too long: is named, counted from when it began to wait', () => {
    const request = followed(1, 0)
    relay.wait(request)
    expect(relay.overdue(clock.now() + 99, 100)).toEqual([])
    expect(relay.overdue(clock.now() + 100, 100)).toEqual([request])
  })
})
