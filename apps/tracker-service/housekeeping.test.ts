import type { SongLookup } from '@evastream/clients/metadata-client'
import { EvaError } from '@evastream/core/errors'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { LeaseBook } from '@evastream/engine/leases/lease-book'
import { createLogger } from '@evastream/service-kit/logger'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { startHousekeeping } from './housekeeping.ts'
import { SongDirectory } from './song-directory.ts'
import { SwarmRegistry } from './swarm-registry.ts'

const songId = parseSongId('song-1')
const EXPIRES_MS = 300_000
const SWEEP_MS = 30_000

async function aHouse() {
  const clock = fakeClock()
  const state = { answer: async (): Promise<SongLookup> => ({ kind: 'unchanged' }), askedCount: 0 }
  const { manifest } = songFixture({ songId })
  const metadata = {
    lookUpSong: async (_: unknown, knownVersion?: string): Promise<SongLookup> => {
      if (knownVersion === undefined) return { kind: 'found', manifest, version: '"1"' }
      state.askedCount++
      return state.answer()
    },
  }
  const registry = new SwarmRegistry({ expiresAfterMs: EXPIRES_MS, peersMax: 10, songsPerPeerMax: 10, holdingsMaxBytes: 1e6 })
  const directory = new SongDirectory({ metadata, clock, log: new RecordedLog() }, { metadataUrl: 'http://metadata' })
  const address = { host: '127.0.0.1', observedHost: '127.0.0.1', port: 9001 }
  const peer = registry.admit({ peerId: parsePeerId('peer-1'), ...address, tokenDigest: new Uint8Array(32) }, clock.now())
  registry.acquire(peer, { songId, chunkCount: await directory.chunkCountOf(songId) }, [0])
  const logger = createLogger({ name: 'tracker', level: 'silent' })
  const stop = startHousekeeping(
    { registry, leases: new LeaseBook({ originCopies: 1, idPrefix: 'l' }), directory, clock, timers: clock, logger },
    { sweepIntervalMs: SWEEP_MS },
  )
  return { clock, state, registry, stop, isTracked: () => registry.songCount(clock.now()) === 1 }
}

/** Promises settle between turns of the event loop; a fake clock has no say in that. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('startHousekeeping', () => {
  it('a deleted song: its swarm is forgotten within a minute', async () => {
    const { clock, state, isTracked } = await aHouse()
    state.answer = async () => ({ kind: 'missing' })
    for (let second = 0; second < 60 && isTracked(); second++) {
      clock.advance(1000)
      await settled()
    }
    expect(isTracked()).toBe(false)
  })

  it('an unchanged song, and a metadata service that is down: the swarm stays', async () => {
    const { clock, state, isTracked } = await aHouse()
    for (const answer of [state.answer, () => Promise.reject(new EvaError('EVA_SERVICE_TIMEOUT'))]) {
      state.answer = answer
      clock.advance(60_000)
      await settled()
    }
    expect(state.askedCount).toBeGreaterThan(1)
    expect(isTracked()).toBe(true)
  })

  it('a round that takes long: no second one beside it', async () => {
    const { clock, state } = await aHouse()
    let finish: (answer: SongLookup) => void = () => undefined
    state.answer = () =>
      new Promise(resolve => {
        finish = resolve
      })
    clock.advance(100_000)
    await settled()
    expect(state.askedCount).toBe(1)
    finish({ kind: 'unchanged' })
    await eventually('the next round', () => {
      clock.advance(20_000)
      return state.askedCount === 2
    })
  })

  it('expired peers: leave the memory at the sweep', async () => {
    const { clock, registry } = await aHouse()
    clock.advance(EXPIRES_MS - 1)
    expect(registry.peerRegistry.size).toBe(1)
    clock.advance(1)
    expect(registry.peerRegistry.size).toBe(0)
  })

  it('many expired peers: leave slice by slice, and others have their turns between', () => {
    const timers = fakeClock()
    let at = 0
    const clock = { now: () => (at += 0.25) }
    const registry = new SwarmRegistry({ expiresAfterMs: 1, peersMax: 1000, songsPerPeerMax: 10, holdingsMaxBytes: 1e6 })
    const address = { host: '127.0.0.1', observedHost: '127.0.0.1', port: 9001, tokenDigest: new Uint8Array(32) }
    for (let number = 0; number < 1000; number++) registry.admit({ peerId: parsePeerId(`peer-${number}`), ...address }, 0)
    const directory = {} as SongDirectory
    const leases = new LeaseBook({ originCopies: 1, idPrefix: 'l' })
    const logger = createLogger({ name: 'tracker', level: 'silent' })
    startHousekeeping({ registry, leases, directory, clock, timers, logger }, { sweepIntervalMs: 10_000 })
    at = 1000
    timers.advance(10_000)
    const left = [registry.peerRegistry.size]
    while (registry.peerRegistry.size > 0 && left.length < 1000) {
      timers.advance(1)
      left.push(registry.peerRegistry.size)
    }
    expect(left.at(-1)).toBe(0)
    expect(Math.max(...left.map((size, index) => (left[index - 1] ?? 1000) - size))).toBeLessThanOrEqual(64)
  })

  it('stopped: no timer is left', async () => {
    const { clock, stop } = await aHouse()
    stop()
    expect(clock.pendingCount).toBe(0)
  })
})
