import { trackerFixture } from '@evastream/testkit/tracker-fixture'
import { describe, expect, it } from 'vitest'
import { SongDirectory } from './song-directory.ts'
import { makeTrackerParts } from './tracker-parts.ts'

const songId = 'song-1'

async function aDesk() {
  const { metadata, deps, options } = trackerFixture({ songId })
  const { desk } = makeTrackerParts({ ...deps, directory: new SongDirectory({ metadata, ...deps }, options) }, options)
  const { token } = desk.register({ peerId: 'peer-1', port: 9001 }, { remoteAddress: '127.0.0.1', token: undefined })
  const me = { remoteAddress: '127.0.0.1', token }
  const lease = (request: object) => desk.originLease({ peerId: 'peer-1', songId, ...request }, me)
  const holdersOf = (chunkId: number) => JSON.parse(desk.peers({ songId, chunkId })).peers as unknown[]
  return { desk, lease, holdersOf }
}

describe('TrackerDesk: chunks acquired, told along with a call for leases', () => {
  it('are held, and end their leases, before the call is judged', async () => {
    const { desk, lease, holdersOf } = await aDesk()
    await lease({ chunkIds: [5, 6] })
    const acquired = { chunkIds: [5], sources: [{ chunkId: 5 }], originBytes: 16_384 }
    const { granted, waiting } = await lease({ chunkIds: [7], acquired })
    expect([granted.map(({ chunkId }) => chunkId), waiting]).toEqual([[7], []])
    expect(holdersOf(5)).toMatchObject([{ peerId: 'peer-1' }])
    expect(desk.swarm(songId, { members: 2 })).toMatchObject({ leasedChunks: [6, 7], transfers: [{ chunkId: 5, to: 'peer-1' }] })
    expect(desk.stats()).toMatchObject({ originBytes: 16_384, announcements: 1, leases: { completed: 1, live: 2 } })
  })

  it('a call that is refused for its leases: announces nothing', async () => {
    const { lease, holdersOf } = await aDesk()
    await lease({ chunkIds: [5] })
    await expect(lease({ chunkIds: [99], acquired: { chunkIds: [5] } })).rejects.toMatchObject({ code: 'EVA_CHUNK_OUT_OF_RANGE' })
    expect(holdersOf(5)).toEqual([])
  })
})
