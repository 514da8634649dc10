// The Scheduler's words about origin leases on their way to a tracker and back, with a tracker that a test writes.

import { EvaError } from '@evastream/core/errors'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import type { SchedulerEvent } from '@evastream/engine/events'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { describe, expect, it } from 'vitest'
import type { ListedPeer, OriginLeaseAnswer } from '../ports.ts'
import { OriginLeases } from './origin-leases.ts'

const PEER = parsePeerId('peer-1')
const songId = parseSongId('song-1')
const FORBIDDEN_HOST = '203.0.113.9'
const ask = { kind: 'request-origin-leases', songId, chunkIds: [0, 1, 2], expectedMs: 100 } as const
const giveBack = { kind: 'return-origin-leases', songId, leaseIds: ['life-1'], reason: 'unwanted' } as const

function aDesk(answer: () => Promise<OriginLeaseAnswer>) {
  const calls: object[] = []
  const introduced: ListedPeer[] = []
  const events: SchedulerEvent[] = []
  const log = new RecordedLog()
  const leases = new OriginLeases({
    tracker: {
      requestOriginLeases: async (_songId, wanted) => {
        calls.push(wanted)
        return answer()
      },
      returnOriginLeases: async (_songId, returned) => {
        calls.push(returned)
        await answer()
      },
      reportPeer: async (peerId, reason) => {
        calls.push({ peerId, reason })
        await answer()
      },
    },
    network: { introduce: peer => peer.host !== FORBIDDEN_HOST && introduced.push(peer) > 0 },
    clock: fakeClock(7),
    log,
    feed: event => void events.push(event),
  })
  return { leases, calls, introduced, events, log }
}

describe('origin leases', () => {
  it('the tracker answers: it is told, and whoever is to be waited for is introduced, unless that is forbidden', async () => {
    const granted = [{ chunkId: 0, leaseId: 'life-1', expiresInMs: 2000 }]
    const holder = { peerId: PEER, host: '127.0.0.1', port: 9001 }
    const wait = { reason: 'leased', retryAfterMs: 500 }
    const stranger = { ...holder, host: FORBIDDEN_HOST }
    const waiting = [
      { ...wait, chunkId: 1, holder },
      { ...wait, chunkId: 2, holder: stranger },
    ]
    const { leases, calls, introduced, events } = aDesk(async () => ({ granted, waiting }))
    await leases.request(ask)
    expect(calls).toEqual([{ chunkIds: [0, 1, 2], expectedMs: 100 }])
    expect(introduced).toEqual([{ ...holder, chunks: [] }])
    const told = [
      { ...wait, chunkId: 1, holder: PEER },
      { ...wait, chunkId: 2 },
    ]
    expect(events).toEqual([{ kind: 'leases-answered', at: 7, songId, granted, waiting: told }])
  })

  it('the tracker fails: that is told', async () => {
    const { leases, events } = aDesk(async () => {
      throw new EvaError('EVA_SERVICE_TIMEOUT')
    })
    await leases.request(ask)
    expect(events).toEqual([{ kind: 'leases-unavailable', at: 7, songId, code: 'EVA_SERVICE_TIMEOUT' }])
  })

  it('given back: the tracker hears of it; one that fails is no matter', async () => {
    const { leases, calls, events, log } = aDesk(async () => {
      throw new EvaError('EVA_SERVICE_TIMEOUT')
    })
    await leases.giveBack(giveBack)
    expect(calls).toEqual([{ leaseIds: ['life-1'], reason: 'unwanted' }])
    expect([events, log.lines.map(({ level }) => level)]).toEqual([[], ['debug']])
  })

  it('a peer that is gone: the tracker hears of it; one that fails is no matter', async () => {
    const { leases, calls, events, log } = aDesk(async () => {
      throw new EvaError('EVA_SERVICE_TIMEOUT')
    })
    await leases.report({ kind: 'report-peer', peerId: PEER, code: 'EVA_PEER_UNREACHABLE' })
    expect(calls).toEqual([{ peerId: PEER, reason: 'EVA_PEER_UNREACHABLE' }])
    expect([events, log.lines.map(({ level }) => level)]).toEqual([[], ['debug']])
  })

  it('stopped while the tracker is being asked: nothing is told, and nothing is asked any more', async () => {
    let answer: (value: OriginLeaseAnswer) => void = () => undefined
    const { leases, calls, events } = aDesk(() => new Promise(resolve => (answer = resolve)))
    const asked = leases.request(ask)
    leases.stop()
    answer({ granted: [], waiting: [] })
    await asked
    await leases.giveBack(giveBack)
    expect(events).toEqual([])
    expect(calls).toHaveLength(1)
  })
})
