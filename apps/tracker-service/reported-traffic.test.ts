import { parsePeerId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { ReportedTraffic } from './reported-traffic.ts'

const one = parsePeerId('one')
const two = parsePeerId('two')

describe('ReportedTraffic', () => {
  it('totals told again and again: are counted once, and only their growth is added', () => {
    const traffic = new ReportedTraffic({ peersKeptMax: 10 })
    traffic.note(one, { originBytes: 100, peerBytes: 10 })
    traffic.note(two, { originBytes: 5, sentBytes: 7 })
    traffic.note(one, { originBytes: 100, peerBytes: 30 })
    traffic.note(one, {})
    expect(traffic.total).toMatchObject({ originBytes: 105, peerBytes: 30, sentBytes: 7 })
  })

  it('a peer that started again: its new bytes come on top', () => {
    const traffic = new ReportedTraffic({ peersKeptMax: 10 })
    traffic.note(one, { originBytes: 100 })
    traffic.note(one, { originBytes: 40 })
    expect(traffic.total.originBytes).toBe(140)
  })

  it('numbers past all reason: stay countable', () => {
    const traffic = new ReportedTraffic({ peersKeptMax: 10 })
    traffic.note(one, { sentBytes: Number.MAX_SAFE_INTEGER })
    traffic.note(two, { sentBytes: Number.MAX_SAFE_INTEGER })
    expect(traffic.total.sentBytes).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('more peers than are kept: the longest silent is forgotten, the total stays', () => {
    const traffic = new ReportedTraffic({ peersKeptMax: 2 })
    for (const peerId of [one, two, one, parsePeerId('three')]) traffic.note(peerId, { originBytes: 10 })
    traffic.note(one, { originBytes: 10 })
    expect(traffic.total.originBytes).toBe(30)
    traffic.note(two, { originBytes: 10 })
    expect(traffic.total.originBytes).toBe(40)
  })
})
