import { open } from 'node:fs/promises'
import { eventually } from '@evastream/testkit/eventually'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile, portOf } from './loopback-town.ts'

// The rows of the failure table that are about the tracker, the metadata service and a peer's own restart, with real processes.

let town: LoopbackTown
let song: PublishedFile

beforeEach(async () => {
  town = await LoopbackTown.open()
  song = await town.publish({ songId: 'song-1', sizeBytes: 20 * 64 * 1024 + 1 })
})

afterEach(() => town.close())

async function seed(peerId: string): Promise<void> {
  await town.startPeer(peerId, [`--song.id=${song.songId}`])
  await town.whenComplete(peerId, song.songId)
}

describe('the tracker restarts empty', () => {
  test('peers register and announce everything again by themselves', async () => {
    await seed('peer-1')
    await seed('peer-2')
    const port = portOf(town.url('tracker'))
    await town.process('tracker').kill()
    await town.startTracker(port)
    await eventually('both are known with all their chunks', async () => {
      const holders = await town.holders(song.songId)
      return holders.get('peer-1')?.length === 21 && holders.get('peer-2')?.length === 21
    })
  })
})

describe('the tracker is down', () => {
  test('at the start: the peer says so once, fetches from the origin, and registers when it comes', async () => {
    const port = portOf(town.url('tracker'))
    await town.process('tracker').kill()
    await seed('peer-1')
    const warnings = town.log('peer-1').filter(line => line.level === 'warn' && /tracker/i.test(line.msg))
    expect(warnings.length).toBeGreaterThan(0)
    expect(warnings.length).toBeLessThanOrEqual(3)
    await town.startTracker(port)
    await eventually('it is known with all its chunks', async () => (await town.holders(song.songId)).get('peer-1')?.length === 21)
  })

  test('midway: a download goes on with the peers that are known', async () => {
    await town.startPeer('seeder', [`--song.id=${song.songId}`, '--upload-limit=300K'])
    await town.whenComplete('seeder', song.songId)
    await town.process('origin').kill()
    await town.startPeer('listener', [`--song.id=${song.songId}`])
    await eventually('the first chunk is here', async () => (await town.progress('listener', song.songId)).chunksHeld > 0)
    await town.process('tracker').kill()
    const { received } = await town.whenComplete('listener', song.songId)
    expect(received).toEqual({ originBytes: 0, peerBytes: song.bytes.length })
  })
})

describe('the metadata service is down', () => {
  test('at the start: the peer says so and begins when it comes', async () => {
    const port = portOf(town.url('metadata'))
    await town.process('metadata').kill()
    await town.startPeer('peer-1', [`--song.id=${song.songId}`])
    await eventually('a clear line', () => town.log('peer-1').some(line => line.level === 'warn' && /metadata/i.test(line.msg)))
    await town.startMetadata(port)
    await town.whenComplete('peer-1', song.songId)
  })

  test('at a later start: the manifest on disk is enough to serve and to finish', async () => {
    await seed('peer-1')
    await town.process('peer-1').stop()
    await town.process('metadata').kill()
    await town.startPeer('peer-1', [`--song.id=${song.songId}`])
    await town.whenComplete('peer-1', song.songId)
    expect(await town.sha256At('peer-1', song.songId)).toBe(song.sha256)
  })
})

describe('a peer restarts', () => {
  test('after SIGKILL midway: it fetches only what is missing', async () => {
    const before = await interruptedDownload()
    const after = await town.whenComplete('listener', song.songId)
    expect(after.received.peerBytes + after.received.originBytes).toBeLessThanOrEqual(
      song.bytes.length - before * song.chunkSize + song.chunkSize,
    )
    expect(await town.sha256At('listener', song.songId)).toBe(song.sha256)
  })

  test('with a rotten disk: what rotted is fetched again, and never served or played', async () => {
    await seed('peer-1')
    await town.process('peer-1').stop()
    const file = await open(town.songFile('peer-1', song.songId), 'r+')
    await file.write(Uint8Array.of(1, 2, 3, 4), 0, 4, 5 * song.chunkSize + 100)
    await file.close()
    await town.startPeer('peer-1', [`--song.id=${song.songId}`])
    await eventually('the song is whole again', async () => (await town.sha256At('peer-1', song.songId)) === song.sha256)
    const { received } = await town.status('peer-1')
    expect(received).toEqual({ originBytes: song.chunkSize, peerBytes: 0 })
  })

  test('it announces what it kept', async () => {
    await seed('peer-1')
    await town.process('peer-1').kill()
    await eventually('it is forgotten', async () => !(await town.holders(song.songId)).has('peer-1'))
    await town.startPeer('peer-1')
    await eventually('it is known with all its chunks', async () => (await town.holders(song.songId)).get('peer-1')?.length === 21)
  })

  /** @returns how many chunks the listener held when it was killed; it runs again. */
  async function interruptedDownload(): Promise<number> {
    await town.startPeer('seeder', [`--song.id=${song.songId}`, '--upload-limit=500K'])
    await town.whenComplete('seeder', song.songId)
    await town.startPeer('listener', [`--song.id=${song.songId}`])
    const held = await eventually('a part of the song is here', async () => {
      const { chunksHeld } = await town.progress('listener', song.songId)
      return chunksHeld >= 3 && chunksHeld < 21 ? chunksHeld : undefined
    })
    await town.process('listener').kill()
    await town.startPeer('listener', [`--song.id=${song.songId}`])
    return held
  }
})
