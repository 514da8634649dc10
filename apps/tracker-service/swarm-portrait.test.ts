import { Bitfield } from '@evastream/core/bitfield'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { SwarmPortrait } from './swarm-portrait.ts'
import { SwarmRegistry } from './swarm-registry.ts'

const EXPIRES_MS = 30_000
const song = { songId: parseSongId('song-1'), chunkCount: 10 }

function aPortrait() {
  const registry = new SwarmRegistry({ expiresAfterMs: EXPIRES_MS, peersMax: 1000, songsPerPeerMax: 100, holdingsMaxBytes: 1e8 })
  const portrait = new SwarmPortrait({ registry, leases: { leasedChunks: () => undefined } })
  const join = (name: string, chunkIds: readonly number[], { at = 0, place = song } = {}) => {
    const peer = registry.admit(
      { peerId: parsePeerId(name), host: '10.0.0.1', observedHost: '10.0.0.1', port: 9001, tokenDigest: new Uint8Array(32) },
      at,
    )
    registry.acquire(peer, place, chunkIds)
    return peer
  }
  const of = (memberCount: number | undefined, at = 0) => portrait.of(song.songId, { memberCount, at })
  return { registry, portrait, join, of }
}

describe('swarm portrait: members', () => {
  it('nobody asked for them: tells of chunks, and of no peer', () => {
    const { join, of } = aPortrait()
    join('one', [0, 1])
    expect(of(undefined)).toEqual({
      songId: song.songId,
      chunkCount: 10,
      peers: 1,
      completePeers: 0,
      availability: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
      leasedChunks: [],
    })
  })

  it('asked for: what each holds, bit for bit, and its totals', () => {
    const { registry, join, of } = aPortrait()
    const { slot } = join('one', [0, 9])
    for (const [index, total] of [11, 22, 33].entries()) registry.peerRegistry.setTotal(slot, index, total)
    const [member] = of(5).members ?? []
    expect(member).toMatchObject({ peerId: 'one', host: '10.0.0.1', port: 9001, originBytes: 11, peerBytes: 22, sentBytes: 33 })
    expect([...Bitfield.fromBytes(Buffer.from(member?.bitmap ?? '', 'base64'), 10).members()]).toEqual([0, 9])
  })

  it('more than were asked for: the same ones each time, and none that has expired', () => {
    const { join, of } = aPortrait()
    join('gone', [1])
    for (let number = 0; number < 20; number++) join(`peer-${number}`, [0], { at: EXPIRES_MS - 1 })
    const names = (at: number) => of(8, at).members?.map(({ peerId }) => peerId)
    expect(names(EXPIRES_MS)).not.toContain('gone')
    expect(names(EXPIRES_MS)).toHaveLength(8)
    expect(names(EXPIRES_MS)).toEqual(names(EXPIRES_MS + 1))
  })

  it('a song of very many chunks: fewer members, so that the answer stays small', () => {
    const { join, portrait } = aPortrait()
    const huge = { songId: parseSongId('huge'), chunkCount: 262_144 }
    for (let number = 0; number < 40; number++) join(`peer-${number}`, [number], { place: huge })
    expect(portrait.of(huge.songId, { memberCount: 40, at: 0 }).members).toHaveLength(12)
  })

  it('a song that nobody holds: is not found', () => {
    expect(() => aPortrait().of(1)).toThrow(expect.objectContaining({ code: 'EVA_SONG_NOT_FOUND' }))
  })
})

describe('swarm portrait: transfers', () => {
  it('the newest first, those of this song only, and none that is old', () => {
    const { join, portrait, of } = aPortrait()
    const { peerId } = join('one', [0])
    const note = (chunkId: number, at: number, songId = song.songId) =>
      portrait.noteSources(peerId, songId, { sources: [{ chunkId, ...(chunkId === 2 ? { peerId: 'two' } : {}) }], at })
    note(1, 0)
    note(2, 8_000)
    note(3, 8_000, parseSongId('other'))
    note(4, 9_000)
    expect(of(1, 11_000).transfers).toEqual([
      { chunkId: 4, to: 'one', agoMs: 2_000 },
      { chunkId: 2, to: 'one', from: 'two', agoMs: 3_000 },
    ])
  })

  it('a flood of them: costs a fixed memory, and the last ones are told', () => {
    const { join, portrait, of } = aPortrait()
    const { peerId } = join('one', [0])
    for (let chunkId = 0; chunkId < 10_000; chunkId++)
      portrait.noteSources(peerId, song.songId, { sources: [{ chunkId: chunkId % 10 }], at: chunkId })
    const told = of(1, 10_000).transfers ?? []
    expect(told).toHaveLength(64)
    expect(told.map(({ agoMs }) => agoMs)).toEqual(Array.from({ length: 64 }, (_, index) => index + 1))
  })
})

describe('swarm portrait: the largest swarms', () => {
  it('the most peers first, as many as were asked for', () => {
    const { join, portrait } = aPortrait()
    for (const [songId, peers] of [
      ['small', 1],
      ['large', 3],
      ['middle', 2],
    ] as const)
      for (let number = 0; number < peers; number++)
        join(`${songId}-${number}`, [0, 1], { place: { songId: parseSongId(songId), chunkCount: 2 } })
    expect(portrait.largest(2, 0)).toEqual([
      { songId: 'large', chunkCount: 2, peers: 3, completePeers: 3 },
      { songId: 'middle', chunkCount: 2, peers: 2, completePeers: 2 },
    ])
    expect(portrait.largest(2, EXPIRES_MS)).toEqual([])
  })
})
