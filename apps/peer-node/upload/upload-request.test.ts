// What a request remembers of its run while it has no slot: how much was sent and arrived, and none of the audio.
import type { SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { expect, it } from 'vitest'
import { UploadRequest } from './upload-request.ts'

it('upload request: unloaded between two frames: holds no audio, still counts what is on its way, and goes on when loaded again', () => {
  const chunk = new Uint8Array(2 * BLOCK_SIZE_BYTES + 5).map((_, index) => index % 251)
  const owner = { isStuck: false, serve: () => undefined, displaced: () => undefined }
  const wish = { kind: 'request', handle: 1, requestId: 1, chunkId: 0, priority: 'seed', firstBlock: 1, blockCount: 2 } as const
  const request = new UploadRequest(wish, { songId: 'song-1' as SongId, owner })
  const send = () => {
    const { head, audio } = request.nextFrame(1)
    request.frameSent(head, { sizeBytes: audio.length, sentAt: 0, deliveredBytes: 0, deliveredAt: 0, isStarved: false })
    return audio
  }
  request.load({ bytes: chunk })
  send()
  request.unload()
  expect([request.isLoaded, request.isSent, request.unacknowledgedBytes]).toEqual([false, false, BLOCK_SIZE_BYTES])
  request.load({ bytes: chunk })
  expect(Buffer.compare(send(), chunk.subarray(2 * BLOCK_SIZE_BYTES))).toBe(0)
  request.unload()
  expect([request.isSent, request.unacknowledgedBytes]).toEqual([true, BLOCK_SIZE_BYTES + 5])
  expect(request.acknowledge(2)).toMatchObject({ sizeBytes: BLOCK_SIZE_BYTES + 5 })
  expect([request.isAcknowledged, request.unacknowledgedBytes]).toEqual([true, 0])
})
