import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { SwarmBoard } from './swarm-board.ts'
import { addSwarmRoutes } from './swarm-routes.ts'
import { TrafficHistory } from './traffic-history.ts'

const songId = parseSongId('song-1')
const START = 1_800_000_000_000
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function aBoard({ hasHistory = true, isOperator = false } = {}) {
  const clock = fakeClock()
  const history = hasHistory ? await TrafficHistory.open(':memory:') : undefined
  const failures: string[] = []
  const told = { bootId: 'a', upMs: 1, peers: 3, songs: 1, announcements: 0, originBytes: 0, peerBytes: 0, sentBytes: 0 }
  const state = { isDown: false, isOriginDown: false, sentBytes: 0, calls: 0 }
  const member = { host: '10.1.2.3', port: 9001, bitmap: 'wA==', originBytes: 1, peerBytes: 2, sentBytes: 3 }
  const counts = { songId, chunkCount: 2, peers: 2, completePeers: 1 }
  const tracker = {
    stats: async () => {
      state.calls++
      if (state.isDown) throw new TypeError('down')
      return { ...told }
    },
    swarms: async () => ({ swarms: [counts] }),
    swarm: async () => ({
      ...counts,
      availability: [2, 1],
      members: [
        { ...member, peerId: 'peer-1' },
        { ...member, peerId: 'gateway' },
      ],
      transfers: [
        { chunkId: 1, to: 'peer-1', agoMs: 5 },
        { chunkId: 0, to: 'peer-1', from: 'gateway', agoMs: 9 },
      ],
    }),
  }
  const board = new SwarmBoard(
    {
      tracker,
      origin: async () => {
        if (state.isOriginDown) throw new TypeError('down')
        return { sentBytes: state.sentBytes, requests: 0 }
      },
      clock,
      wallClock: { epochMs: () => START + clock.now() },
      timers: clock,
      titleOf: async () => 'A title',
      history,
      unrecorded: error => void failures.push(error.code),
      house: () => ({ originBytes: 0, peerBytes: 0, sentBytes: 0, peerId: 'gateway', isListed: true }),
    },
    { pricePerGb: 0.05, secret: 's' },
  )
  const logger = createLogger({ name: 'test', level: 'silent' })
  const app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 't', version: '0' },
  )
  addSwarmRoutes(app, { board, isOperator: () => isOperator })
  open.push(app, board)
  const get = async (path: string) => (await app.inject(path)).json() as Record<string, unknown>
  return { board, history, failures, clock, told, state, get }
}

describe('swarm board: figures', () => {
  it('counters that grow: are told as what flowed, how fast, and of whom', async () => {
    const { told, state, clock, get } = await aBoard()
    await get('/api/swarm')
    for (const object of [{ peerBytes: 5000 }]) Object.assign(told, object)
    state.sentBytes = 1000
    clock.advance(2000)
    expect(await get('/api/swarm')).toMatchObject({
      isReachable: true,
      listeners: 2,
      serverBytes: 1000,
      listenerBytes: 5000,
      serverBytesPerSecond: 500,
      listenerBytesPerSecond: 2500,
      today: { serverBytes: 1000, listenerBytes: 5000 },
      pricePerGb: 0.05,
      swarms: [{ songId, title: 'A title', listeners: 2, completeListeners: 1 }],
    })
  })

  it('a tracker that is down: the last figures stay, and it is said', async () => {
    const { state, get } = await aBoard()
    await get('/api/swarm')
    state.isDown = true
    expect(await get('/api/swarm')).toMatchObject({ isReachable: false, listeners: 2 })
  })

  it('an origin that is down: is away, and back when it answers', async () => {
    const { state, get } = await aBoard()
    state.isOriginDown = true
    expect(await get('/api/swarm')).toMatchObject({ isReachable: true, isOriginAway: true })
    state.isOriginDown = false
    expect(await get('/api/swarm')).toMatchObject({ isOriginAway: false })
  })

  it('nobody looks and no history is kept: nobody is asked', async () => {
    const { clock, state, board } = await aBoard({ hasHistory: false })
    clock.advance(10_000)
    expect(state.calls).toBe(0)
    board.latest()
    await board.look()
    expect(state.calls).toBe(1)
  })

  it('what flowed: is in the history, and none is kept where there is none', async () => {
    const { told, clock, board, get } = await aBoard()
    await board.look()
    told.peerBytes = 3_000_000
    await board.look()
    clock.advance(6000)
    const history = await get('/api/swarm/history?span=24h')
    expect(history).toMatchObject({ span: '24h', points: [{ serverBytes: 0, listenerBytes: 3_000_000, listeners: 2 }] })
    expect(history.selfSustainingAtMs).toBe((history.points as { atMs: number }[])[0]?.atMs)
    expect(await (await aBoard({ hasHistory: false })).get('/api/swarm/history')).toMatchObject({ code: 'EVA_ROUTE_NOT_FOUND' })
  })
})

describe('swarm board: a song', () => {
  it('anybody: sees names that stay, and neither ids nor addresses', async () => {
    const { get } = await aBoard()
    const song = await get('/api/swarm/songs/song-1')
    expect(JSON.stringify(song)).not.toMatch(/peer-1|gateway|10\.1\.2\.3/)
    const [listener, house] = song.peers as { key: string; name: string; isHouse: boolean }[]
    expect([listener?.isHouse, house?.isHouse, song.listeners]).toEqual([false, true, 1])
    expect(song.moves).toEqual([
      { chunkId: 1, to: listener?.key, from: null, agoMs: 5 },
      { chunkId: 0, to: listener?.key, from: house?.key, agoMs: 9 },
    ])
    expect(((await get('/api/swarm/songs/song-1')).peers as unknown[])[0]).toEqual(listener)
  })

  it('the operator: sees ids and addresses', async () => {
    const { get } = await aBoard({ isOperator: true })
    expect((await get('/api/swarm/songs/song-1')).peers).toMatchObject([{ peerId: 'peer-1', address: '10.1.2.3:9001' }, {}])
  })
})

describe('swarm board: today', () => {
  it('is what flowed since midnight, and nothing of yesterday', async () => {
    const { told, clock, get } = await aBoard()
    const flow = async (peerBytes: number) => {
      told.peerBytes += peerBytes
      for (let turn = 0; turn < 2; turn++) await get('/api/swarm')
      clock.advance(6000)
    }
    await get('/api/swarm')
    await flow(1000)
    expect(await get('/api/swarm')).toMatchObject({ today: { listenerBytes: 1000 } })
    clock.advance(25 * 3_600_000)
    await flow(300)
    expect(await get('/api/swarm')).toMatchObject({ today: { listenerBytes: 300 } })
  })
})

describe('swarm board: a history that cannot be written', () => {
  it('is told once and ends nothing; what flowed meanwhile is written when it can be', async () => {
    const { history, failures, told, clock, get } = await aBoard()
    await get('/api/swarm')
    const add = vi.spyOn(history as TrafficHistory, 'add').mockImplementation(() => {
      throw new EvaError('EVA_STORAGE_FULL')
    })
    for (const peerBytes of [1000, 3000]) {
      Object.assign(told, { peerBytes })
      // The first may share a look that began before.
      for (let turn = 0; turn < 2; turn++) await get('/api/swarm')
      clock.advance(6000)
    }
    expect(failures).toEqual(['EVA_STORAGE_FULL'])
    add.mockRestore()
    clock.advance(6000)
    const { points } = (await get('/api/swarm/history')) as { points: { listenerBytes: number }[] }
    expect(points.reduce((sum, { listenerBytes }) => sum + listenerBytes, 0)).toBe(3000)
  })
})
