import { parsePeerId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { PeerTable } from './peer-table.ts'
import { ReportedTraffic, type TrafficReport } from './reported-traffic.ts'

function someTraffic(departedMax = 10) {
  const table = new PeerTable()
  const traffic = new ReportedTraffic({ departedMax })
  const come = (name: string) => {
    const peerId = parsePeerId(name)
    const slot = table.add({ peerId, host: 'h', observedHost: 'h', port: 1, tokenDigest: new Uint8Array(32) }, 0)
    traffic.recall(table, slot, peerId)
    return slot
  }
  const go = (name: string) => {
    const peerId = parsePeerId(name)
    traffic.keep(table, table.find(peerId), peerId)
    table.remove(table.find(peerId))
  }
  const note = (slot: number, report: TrafficReport) => traffic.note(table, slot, report)
  const begin = (slot: number, report: TrafficReport) => traffic.begin(table, slot, report)
  return { traffic, come, go, note, begin }
}

describe('ReportedTraffic', () => {
  it('totals told again and again: are counted once, and only their growth is added', () => {
    const { traffic, come, note } = someTraffic()
    const [one, two] = [come('one'), come('two')]
    note(one, { originBytes: 100, peerBytes: 10 })
    note(two, { originBytes: 5, sentBytes: 7, overrides: 2 })
    note(one, { originBytes: 100, peerBytes: 30 })
    note(one, {})
    expect(traffic.total).toEqual({ originBytes: 105, peerBytes: 30, sentBytes: 7, overrides: 2 })
  })

  it('a peer that this tracker does not know: what it received before it registered is not counted', () => {
    const { traffic, come, go, note, begin } = someTraffic()
    begin(come('one'), { originBytes: 1000, peerBytes: 5 })
    expect(traffic.total).toMatchObject({ originBytes: 0, peerBytes: 0 })
    go('one')
    const again = come('one')
    begin(again, { originBytes: 1010, peerBytes: 5 })
    note(again, { originBytes: 1011 })
    expect(traffic.total).toMatchObject({ originBytes: 11, peerBytes: 0 })
  })

  it('a peer that started again: its new bytes come on top', () => {
    const { traffic, come, note } = someTraffic()
    const one = come('one')
    note(one, { originBytes: 100 })
    note(one, { originBytes: 40 })
    expect(traffic.total.originBytes).toBe(140)
  })

  it('a peer that left and came back: is counted on', () => {
    const { traffic, come, go, note } = someTraffic()
    note(come('one'), { originBytes: 100 })
    go('one')
    note(come('one'), { originBytes: 110 })
    expect(traffic.total.originBytes).toBe(110)
  })

  it('another peer in the place of one that left: counts from zero', () => {
    const { traffic, come, go, note } = someTraffic()
    note(come('one'), { originBytes: 100 })
    go('one')
    note(come('two'), { originBytes: 110 })
    expect(traffic.total.originBytes).toBe(210)
  })

  it('numbers past all reason: stay countable', () => {
    const { traffic, come, note } = someTraffic()
    for (const name of ['one', 'two']) note(come(name), { sentBytes: Number.MAX_SAFE_INTEGER })
    expect(traffic.total.sentBytes).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('more departed than are kept: the longest gone is forgotten, the total stays', () => {
    const { traffic, come, go, note } = someTraffic(2)
    for (const name of ['one', 'two', 'three']) {
      note(come(name), { originBytes: 10 })
      go(name)
    }
    note(come('two'), { originBytes: 10 })
    expect(traffic.total.originBytes).toBe(30)
    note(come('one'), { originBytes: 10 })
    expect(traffic.total.originBytes).toBe(40)
  })
})
