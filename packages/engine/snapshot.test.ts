import { aShape, aSongId, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { expect, test } from 'vitest'

/** In the middle of fetching twelve chunks from two peers and the origin. */
function midway(): SchedulerDriver {
  const driver = new SchedulerDriver()
  driver.addSong(aShape(12), { heldChunkIds: [0] })
  driver.addPeer('anna', {}, { chunkIds: [1, 2, 3] })
  driver.addPeer('boris', { conduct: { failsWith: 'EVA_BLOCK_HASH_MISMATCH' } }, { chunkIds: [4, 5] })
  driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 0 })
  driver.run(300, () => driver.stored.get(aSongId)?.size === 5)
  return driver
}

test('snapshot: midway: says what is held, in progress, asked of whom, and how the sources are', () => {
  const driver = midway()
  const snapshot = driver.scheduler.snapshot()
  const [song] = snapshot.songs
  expect(snapshot.at).toBe(driver.now)
  expect(song).toMatchObject({
    songId: 'song-1',
    interest: 'seed',
    chunkCount: 12,
    chunksHeld: 5,
    chunksWanted: 7,
    readerCount: 1,
    isInconsistent: false,
  })
  expect(song?.inProgress.length).toBeGreaterThan(0)
  expect(song?.neighbours).toEqual([{ peerId: 'anna', chunksHeld: 3, chunksArriving: 0 }])
  expect(snapshot.requests.length).toBeGreaterThan(0)
  for (const request of snapshot.requests) expect(request).toMatchObject({ songId: 'song-1', isHedge: false })
  expect(snapshot.peers.find(({ peerId }) => peerId === peerNamed('boris'))).toMatchObject({ strikes: 1 })
  expect(snapshot.peers.find(({ peerId }) => peerId === peerNamed('anna'))?.rateBytesPerSecond).toBeGreaterThan(0)
  expect(snapshot.origin.openRequests).toBe(snapshot.requests.filter(({ source }) => source.kind === 'origin').length)
})

test('snapshot: any moment: plain JSON', () => {
  const fresh = new SchedulerDriver().scheduler.snapshot()
  const { scheduler } = midway()
  for (const snapshot of [fresh, scheduler.snapshot()]) expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
})

test('snapshot: taken: changes nothing', () => {
  const { scheduler } = midway()
  expect(scheduler.snapshot()).toEqual(scheduler.snapshot())
})
