import { eventually } from '@evastream/testkit/eventually'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile } from './loopback-town.ts'
import { StagedPeer, type StagedPeerOptions } from './staged-peer.ts'

// The rows of the failure table that are about peers, with real processes and real sockets.

// One town serves all tests; each has a song and a listener of its own, and a seeder keeps every song.

const NO_ORIGIN = '--origin=http://127.0.0.1:1'

let town: LoopbackTown
let song: PublishedFile
let testCount = 0
const staged: StagedPeer[] = []

beforeAll(async () => {
  town = await LoopbackTown.open()
  await town.startPeer('honest', ['--upload-limit=20M'])
})

beforeEach(async () => {
  testCount++
  song = await town.publish({ songId: `song-${testCount}`, sizeBytes: 40 * 64 * 1024 + 1, seed: testCount })
})

afterEach(async () => {
  await Promise.all([...staged.splice(0).map(peer => peer.close()), town.endPeer(listener())])
})

afterAll(() => town.close())

function listener(): string {
  return `listener-${testCount}`
}

async function stage(options: Omit<StagedPeerOptions, 'song'>): Promise<StagedPeer> {
  const peer = await StagedPeer.start(town, { ...options, song })
  staged.push(peer)
  return peer
}

async function seed(peerId: string): Promise<void> {
  await town.download(peerId, song.songId)
  await town.whenComplete(peerId, song.songId)
}

describe('a peer is killed', () => {
  test('in the middle of serving: its transfers move on to another, and the tracker drops it after the heartbeat timeout', async () => {
    await Promise.all(['killed', 'survivor'].map(peerId => town.startPeer(peerId, ['--upload-limit=500K'])))
    await Promise.all([seed('killed'), seed('survivor')])
    await town.startPeer(listener(), [NO_ORIGIN, `--song.id=${song.songId}`])
    await eventually('the listener was served by the one to be killed', async () => {
      const [{ sentBytes }, { chunksHeld }] = await Promise.all([town.status('killed'), town.progress(listener(), song.songId)])
      return sentBytes > 0 && chunksHeld > 0 && chunksHeld < 41
    })
    await town.process('killed').kill()
    expect((await town.whenComplete(listener(), song.songId)).received.originBytes).toBe(0)
    expect(await town.sha256At(listener(), song.songId)).toBe(song.sha256)
    await eventually('the tracker names the killed peer no more', async () => !(await town.holders(song.songId)).has('killed'))
    expect([...(await town.holders(song.songId)).keys()].toSorted()).toEqual([listener(), 'survivor'])
    await town.endPeer('survivor')
  })
})

describe('a peer errs, stalls, lies or sends bad bytes', () => {
  const halfAChunk = 32 * 1024
  test.each<[string, Omit<StagedPeerOptions, 'song' | 'peerId'>]>([
    ['it accepts and says nothing', { faults: { isMute: true } }],
    ['it stalls in the middle of a chunk', { faults: { toClient: { stallAfterBytes: halfAChunk } } }],
    ['it stalls one byte before the end of a chunk', { faults: { toClient: { stallAfterBytes: 64 * 1024 } } }],
    ['it resets the connection in the middle of a chunk', { faults: { toClient: { cutAfterBytes: halfAChunk, cut: 'reset' } } }],
    ['it closes in the middle of a chunk', { faults: { toClient: { cutAfterBytes: halfAChunk, cut: 'fin' } } }],
    ['it sends a byte every 100 ms', { faults: { toClient: { byteIntervalMs: 100 } } }],
    ['it says it has what it has not', { lacksEverything: true }],
    ['it sends wrong bytes', { spoil: chunk => chunk.fill(7) }],
    ['a byte of its frames is turned over', { faults: { toClient: { corruptByteAt: 70 } } }],
  ])('%s: the song comes from the next peer, bit for bit, and nothing from the origin', async (_, options) => {
    await seed('honest')
    const bad = await stage({ peerId: `bad-${testCount}`, ...options })
    await town.startPeer(listener(), [NO_ORIGIN, `--song.id=${song.songId}`])
    const { received } = await town.whenComplete(listener(), song.songId)
    expect(received).toEqual({ originBytes: 0, peerBytes: song.bytes.length })
    expect(await town.sha256At(listener(), song.songId)).toBe(song.sha256)
    expect(bad.proxy.acceptedCount).toBeGreaterThan(0)
  })

  test('it sends bad bytes: it is out, and is not asked again', async () => {
    await seed('honest')
    const bad = await stage({ peerId: `bad-${testCount}`, spoil: chunk => chunk.fill(7) })
    await town.startPeer(listener(), [NO_ORIGIN, `--song.id=${song.songId}`])
    await eventually('the bad peer was asked', () => bad.loads.length > 0)
    const { wastedBytes } = await town.whenComplete(listener(), song.songId)
    // A batch or two were under way before the first bad block was seen.
    expect(bad.loads.length).toBeLessThanOrEqual(4)
    expect(bad.proxy.acceptedCount).toBe(1)
    expect(wastedBytes).toBeGreaterThan(0)
  })
})

describe('all peers fail for a chunk', () => {
  test('the origin sends it', async () => {
    await stage({ peerId: 'mute', faults: { isMute: true } })
    await stage({ peerId: 'liar', lacksEverything: true })
    await stage({ peerId: 'poisoner', spoil: chunk => chunk.fill(7) })
    await town.startPeer(listener(), [`--song.id=${song.songId}`])
    const { received } = await town.whenComplete(listener(), song.songId)
    expect(received).toEqual({ originBytes: song.bytes.length, peerBytes: 0 })
    expect(await town.sha256At(listener(), song.songId)).toBe(song.sha256)
  })
})
