// The caps of a peer over the lives of its process, and what a peer that shares nothing leaves behind; real processes throughout.

import { eventually } from '@evastream/testkit/eventually'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LoopbackTown } from './loopback-town.ts'

let town: LoopbackTown

beforeEach(async () => {
  town = await LoopbackTown.open()
})

afterEach(async () => {
  await town.close()
})

describe('caps', () => {
  it('a peer with an upload cap is killed while it uploads: its next life goes on counting, and both together keep the cap', async () => {
    const song = await town.publish({ songId: 'song-1', sizeBytes: 3_000_000 })
    const flags = [`--song.id=${song.songId}`, '--upload-cap=1M/month', '--upload-limit=1M']
    await town.startPeer('seeder', flags)
    await town.whenComplete('seeder', song.songId)
    await eventually('the seeder is listed', async () => (await town.holders(song.songId)).has('seeder'))
    await town.startPeer('listener', [`--song.id=${song.songId}`])
    await eventually('some is uploaded', async () => ((await town.status('seeder')).uploadCap?.usedBytes ?? 0) > 200_000)
    await town.process('seeder').kill()
    const { peerBytes } = (await town.status('listener')).received
    await town.startPeer('seeder', flags)
    const { uploadCap } = await town.status('seeder')
    expect(uploadCap?.usedBytes).toBeGreaterThanOrEqual(Math.max(200_000, peerBytes - song.chunkSize))
    const { received } = await town.whenComplete('listener', song.songId)
    expect(received.peerBytes).toBeLessThanOrEqual(1_000_000)
    expect(await town.sha256At('listener', song.songId)).toBe(song.sha256)
  })

  it('a peer that only receives: has the song from a peer, and is listed nowhere', async () => {
    const song = await town.publish({ songId: 'song-1', sizeBytes: 1_000_000 })
    await town.startPeer('seeder', [`--song.id=${song.songId}`])
    await town.whenComplete('seeder', song.songId)
    await eventually('the seeder is listed', async () => (await town.holders(song.songId)).has('seeder'))
    await town.startPeer('taker', [`--song.id=${song.songId}`, '--sharing=receive-only'])
    const status = await town.whenComplete('taker', song.songId)
    expect(status).toMatchObject({ sharing: 'receive-only', uploadPort: 0, received: { originBytes: 0, peerBytes: 1_000_000 } })
    expect([...(await town.holders(song.songId)).keys()]).toEqual(['seeder'])
  })
})
