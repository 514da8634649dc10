// The settings as people type them, and the identity that follows from them.
// Not the reading of flags in general: service-kit has those tests.
// Invariant: a wrong value never gets past `loadConfig`.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { parsePeerId } from '@evastream/core/ids'
import { loadConfig } from '@evastream/service-kit/config'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { peerNodeConfig, peerNodeOptions } from './config.ts'
import { exportSong } from './library/song-export.ts'
import { establishIdentity } from './peer-identity.ts'
import { PeerTokenFile } from './tracker/peer-token-file.ts'
import { TrackerScope } from './tracker/tracker-scope.ts'

const parse = (...argv: string[]) => peerNodeConfig(loadConfig(peerNodeOptions, { argv, env: {} }).values)

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-peer-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('peer node settings', () => {
  it('nothing typed: the services of this machine, any upload port, the default directory', () => {
    expect(parse()).toMatchObject({
      host: '127.0.0.1',
      peerId: undefined,
      peerPort: 0,
      httpPort: undefined,
      peersDirectory: 'evastream-data/peers',
      metadataUrl: 'http://127.0.0.1:8081',
      trackerUrl: 'http://127.0.0.1:8082',
      originUrl: 'http://127.0.0.1:8083',
      songIds: [],
    })
  })

  it('the documented flags: are understood, songs named twice once', () => {
    const typed = [
      '--peer.id=peer-1',
      '--peer.port=9001',
      '--http.port',
      '8091',
      '--song.id=song-1,song-2',
      '--song.id=song-1',
      '--peer.maxUploads=2',
    ]
    expect(() => parse(...typed)).not.toThrow()
    expect(parse(...typed)).toMatchObject({
      peerId: 'peer-1',
      peerPort: 9001,
      httpPort: 8091,
      songIds: ['song-1', 'song-2'],
      uploadsMax: 2,
    })
  })

  it('the bounds of what is given and taken: none, and sharing as chosen, unless typed; then as people write amounts', () => {
    expect(parse()).toMatchObject({
      connectionsMax: 60,
      uploadLimitBytesPerSecond: 0,
      downloadLimitBytesPerSecond: 0,
      uploadCap: undefined,
      sharing: undefined,
    })
    const typed = ['--max-peers=8', '--upload-limit=50K', '--download-limit', '1.5M', '--upload-cap=5G/day', '--sharing=receive-only']
    expect(parse(...typed)).toMatchObject({
      connectionsMax: 8,
      uploadLimitBytesPerSecond: 50_000,
      downloadLimitBytesPerSecond: 1_500_000,
      uploadCap: { limitBytes: 5e9, unit: 'day' },
      sharing: 'receive-only',
    })
    for (const none of ['0', '0/month']) expect(parse(`--upload-cap=${none}`).uploadCap).toBeUndefined()
  })

  it.each([
    '--peer.id=../../etc/passwd',
    '--peer.id=',
    '--peer.id=-x',
    `--peer.id=${'x'.repeat(129)}`,
    '--song.id=a,../b',
    '--peer.port=70000',
    '--peer.port=-1',
    '--http.port=x',
    '--peer.maxUploads=0',
    '--peer.maxDownloads=1.5',
    '--tracker=ftp://x',
    '--peer.idd=x',
    '--max-peers=0',
    '--peer.maxPeers=5',
    '--upload-limit=fast',
    '--download-limit=-1',
    '--upload-cap=5G',
    '--upload-cap=5G/year',
    '--sharing=maybe',
  ])('%s: is refused', flag => {
    expect(() => parse(flag)).toThrow(expect.objectContaining({ code: 'EVA_USAGE' }))
  })
})

describe('peer identity', () => {
  it('a given id: has a directory of its own', async () => {
    const identity = await establishIdentity({ peersDirectory: directory, peerId: parsePeerId('peer-1') })
    expect(identity).toEqual({ peerId: 'peer-1', directory: join(directory, 'peer-1') })
  })

  it('none given: one is made, kept, and the same for all starts, also for several first ones at once', async () => {
    const starts = Array.from({ length: 8 }, () => establishIdentity({ peersDirectory: directory, peerId: undefined }))
    const ids = new Set((await Promise.all(starts)).map(identity => identity.peerId))
    expect(ids.size).toBe(1)
    const again = await establishIdentity({ peersDirectory: directory, peerId: undefined })
    expect([...ids]).toEqual([again.peerId])
    expect(again.peerId).toMatch(/^peer-/)
  })

  it('a directory that cannot be made: says which flag chooses another', async () => {
    await writeFile(join(directory, 'file'), '')
    const attempt = establishIdentity({ peersDirectory: join(directory, 'file', 'x'), peerId: undefined })
    await expect(attempt).rejects.toMatchObject({ code: 'EVA_DIRECTORY_UNWRITABLE', details: { flag: '--data' } })
  })

  it('the token: is kept for its owner alone, and anything else in its place is none', async () => {
    const tokens = new PeerTokenFile({ directory })
    expect(await tokens.read()).toBeUndefined()
    await tokens.write('secret-1')
    expect(await tokens.read()).toBe('secret-1')
    expect((await stat(join(directory, 'peer-token'))).mode & 0o777).toBe(0o600)
    await writeFile(join(directory, 'peer-token'), 'two words\nand lines')
    expect(await tokens.read()).toBeUndefined()
  })
})

describe('tracker scope', () => {
  it.each([
    ['http://127.0.0.1:8082', '127.0.0.1', [true, true, true]],
    ['http://[::1]:8082', '::1', [true, true, true]],
    ['http://10.0.0.5:8082', '10.0.0.5', [false, true, true]],
    ['https://tracker.example', '93.184.216.34', [false, false, true]],
    ['https://tracker.example', '0.0.0.0', [false, false, true]],
  ])('a tracker at %s (%s): which addresses it may send us to', async (trackerUrl, address, expected) => {
    const asked: string[] = []
    const resolveHost = async (name: string) => {
      asked.push(name)
      return { address }
    }
    const scope = new TrackerScope({ resolveHost }, { trackerUrl })
    await scope.refresh()
    expect(['127.0.0.1', '192.168.1.7', '93.184.216.35'].map(host => scope.mayDial(host))).toEqual(expected)
    expect(asked).toEqual([new URL(trackerUrl).hostname.replace(/[[\]]/g, '')])
  })

  it('a name that cannot be looked up: counts as far away, until it can', async () => {
    let address: string | undefined
    const resolveHost = async () => {
      if (address === undefined) throw new EvaError('EVA_INTERNAL')
      return { address }
    }
    const scope = new TrackerScope({ resolveHost }, { trackerUrl: 'http://tracker.lan' })
    await scope.refresh()
    expect(scope.mayDial('192.168.1.7')).toBe(false)
    address = '192.168.1.1'
    await scope.refresh()
    expect(scope.mayDial('192.168.1.7')).toBe(true)
    address = undefined
    await scope.refresh()
    expect(scope.mayDial('192.168.1.7')).toBe(true)
  })
})

describe('song export', () => {
  it('a complete song: is one file, bit for bit; an incomplete one: no file at all', async () => {
    const store = new MemoryChunkStore()
    const { manifest, bytes, chunkBytes } = songFixture({ fileSize: 200_001, chunkSize: 50_000 })
    await store.openSong(manifest)
    for (const chunkId of [0, 1, 2, 3]) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
    const path = join(directory, 'out.mp3')
    await expect(exportSong(store, manifest, path)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
    await expect(stat(`${path}.part`)).rejects.toMatchObject({ code: 'ENOENT' })
    await store.saveChunk(manifest.id, 4, chunkBytes(4))
    await exportSong(store, manifest, path)
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0)
  })

  it('bytes that do not match on their way out: no file at all', async () => {
    const { manifest, bytes } = songFixture({ fileSize: 200_001, chunkSize: 50_000 })
    const liar = {
      readRange: async (_songId: unknown, offset: number, length: number) => bytes.slice(offset, offset + length).fill(7, 0, 1),
    }
    const path = join(directory, 'out.mp3')
    await expect(exportSong(liar, manifest, path)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('a directory that is not there: an error of the storage', async () => {
    const { manifest } = songFixture()
    await expect(exportSong(new MemoryChunkStore(), manifest, join(directory, 'no', 'out'))).rejects.toMatchObject({
      code: 'EVA_STORAGE_FAILED',
    })
  })
})
