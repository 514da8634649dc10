import { afterEach, beforeEach, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile } from './loopback-town.ts'

// How many copies the origin sends to peers that begin together, with real processes: leases, their holders' deaths, a dead tracker.

const CHUNK_BYTES = 64 * 1024
const PEERS = ['peer-1', 'peer-2', 'peer-3', 'peer-4'] as const

let town: LoopbackTown

beforeEach(async () => {
  town = await LoopbackTown.open()
})

afterEach(() => town.close())

async function publish(songId: string, chunkCount: number): Promise<PublishedFile> {
  return town.publish({ songId, sizeBytes: chunkCount * CHUNK_BYTES + 1, seed: chunkCount })
}

async function startPeers(names: readonly string[], flags: readonly string[] = []): Promise<void> {
  await Promise.all(names.map(name => town.startPeer(name, flags)))
}

async function allHear({ songId, sha256 }: PublishedFile, names: readonly string[]): Promise<void> {
  await Promise.all(names.map(name => town.whenComplete(name, songId)))
  for (const name of names) expect(await town.sha256At(name, songId)).toBe(sha256)
}

/** Bytes the origin sent while this went on, over the song's. */
async function copiesDuring(song: PublishedFile, act: () => Promise<void>): Promise<number> {
  const before = await town.originSentBytes()
  await act()
  return ((await town.originSentBytes()) - before) / song.bytes.length
}

/**
 * Chunks that may have been fetched again with good reason, because this machine stood still for seconds: leases that ran out or whose
 * holder seemed dead, and requests made without one because the tracker seemed away or the music late. None, on a machine that runs.
 */
async function chunksFetchedAgain(names: readonly string[]): Promise<number> {
  const lost = ['expired', 'failed'].map(result => town.metric('tracker', 'evastream_tracker_leases_total', `result="${result}"`))
  const series = 'evastream_peer_origin_requests_total'
  const unleased = names.flatMap(name => ['open', 'override'].map(permit => town.metric(name, series, `permit="${permit}"`)))
  return (await Promise.all([...lost, ...unleased])).reduce((sum, count) => sum + count, 0)
}

test('four peers begin together: the origin sends one copy, and all hear the same', async () => {
  const song = await publish('song-1', 48)
  await startPeers(PEERS)
  const copies = await copiesDuring(song, async () => {
    await Promise.all(PEERS.map(name => town.download(name, song.songId)))
    await allHear(song, PEERS)
  })
  expect(copies).toBeGreaterThanOrEqual(1)
  expect(copies).toBeLessThanOrEqual(1.05 + (await chunksFetchedAgain(PEERS)) / 48)
  expect(copies).toBeLessThan(2)
})

test('who fetches for all is killed midway: another goes on, and nothing is fetched over and over', async () => {
  const song = await publish('song-1', 48)
  const others = PEERS.slice(1)
  await startPeers(PEERS, ['--download-limit=800K'])
  const copies = await copiesDuring(song, async () => {
    await Promise.all(PEERS.map(name => town.download(name, song.songId)))
    await expect.poll(async () => (await town.progress(PEERS[0], song.songId)).chunksHeld, { timeout: 20_000 }).toBeGreaterThan(4)
    await town.endPeer(PEERS[0])
    await allHear(song, others)
  })
  expect(copies).toBeLessThanOrEqual(1.6)
})

test('one that shares has begun, and three that only receive follow: they leave the origin to the one', async () => {
  const song = await publish('song-1', 48)
  const [sharer, ...takers] = PEERS
  await startPeers([sharer], ['--download-limit=800K'])
  await startPeers(takers, ['--download-limit=800K', '--sharing=receive-only'])
  const copies = await copiesDuring(song, async () => {
    await town.download(sharer, song.songId)
    await expect.poll(async () => (await town.progress(sharer, song.songId)).chunksHeld, { timeout: 20_000 }).toBeGreaterThan(0)
    await Promise.all(takers.map(name => town.download(name, song.songId)))
    await allHear(song, PEERS)
  })
  expect(copies).toBeLessThanOrEqual(1.5)
})

test('who asks first cannot reach the origin: it gives its leases back, and another brings the song for both', async () => {
  const song = await publish('song-1', 16)
  await startPeers(['cut-off'], ['--origin=http://127.0.0.1:1'])
  await town.download('cut-off', song.songId)
  const granted = () => town.metric('tracker', 'evastream_tracker_leases_total', 'result="granted"')
  await expect.poll(granted, { timeout: 20_000 }).toBeGreaterThan(0)
  await startPeers([PEERS[0]])
  const copies = await copiesDuring(song, async () => {
    await town.download(PEERS[0], song.songId)
    await allHear(song, ['cut-off', PEERS[0]])
  })
  expect((await town.status('cut-off')).received.originBytes).toBe(0)
  expect(copies).toBeLessThanOrEqual(1.05 + (await chunksFetchedAgain([PEERS[0]])) / 16)
  expect(await town.metric('tracker', 'evastream_tracker_leases_total', 'result="returned"')).toBeGreaterThan(0)
})

test('the tracker dies before: peers that know each other go by turns, and the origin does not send a copy to each', async () => {
  const earlier = await publish('song-1', 2)
  const song = await publish('song-2', 48)
  await startPeers(PEERS, ['--download-limit=2M'])
  await Promise.all(PEERS.map(name => town.download(name, earlier.songId)))
  await allHear(earlier, PEERS)
  await town.process('tracker').kill()
  const copies = await copiesDuring(song, async () => {
    await Promise.all(PEERS.map(name => town.download(name, song.songId)))
    await allHear(song, PEERS)
  })
  expect(copies).toBeLessThanOrEqual(3)
})
