// The caps on connections: both directions together, and address by address.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionLimits } from './connection-limits.ts'

describe('ConnectionLimits', () => {
  it('connection limits: one address, more than its share: is refused, others are not, and leaving makes room', () => {
    const limits = new ConnectionLimits({ connectionsMax: 10, connectionsPerAddressMax: 2 })
    expect(['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2'].map(host => limits.enter(host))).toEqual([true, true, false, true])
    limits.leave('10.0.0.1')
    expect([limits.enter('10.0.0.1'), limits.enter('10.0.0.1')]).toEqual([true, false])
  })

  it('connection limits: loopback: has no share, but counts in all', () => {
    const limits = new ConnectionLimits({ connectionsMax: 4, connectionsPerAddressMax: 1 })
    expect(['127.0.0.1', '127.0.0.1', '::1', '127.0.0.1'].map(host => limits.enter(host))).toEqual([true, true, true, false])
    limits.leave('::1')
    expect([limits.enter('10.0.0.1'), limits.enter('10.0.0.2')]).toEqual([true, false])
  })

  it.each([
    [1, 1, 1],
    [2, 1, 1],
    [3, 2, 2],
    [4, 2, 3],
    [60, 30, 45],
  ])('connection limits: %i in all: %i may be dialled, or %i accepted', (connectionsMax, dialledMax, acceptedMax) => {
    const dialling = new ConnectionLimits({ connectionsMax })
    let dialled = 0
    for (; dialling.mayDial; dialled++) dialling.dialled()
    const accepting = new ConnectionLimits({ connectionsMax })
    let accepted = 0
    while (accepting.enter('127.0.0.1')) accepted++
    expect([dialled, accepted]).toEqual([dialledMax, acceptedMax])
  })

  it('connection limits: whatever comes and goes: never more than the limit in all, and all left means all free', () => {
    const act = fc.constantFrom('dial', 'hang up', 'enter', 'leave')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(act, { maxLength: 60 }), (connectionsMax, acts) => {
        const limits = new ConnectionLimits({ connectionsMax })
        let [dialled, accepted] = [0, 0]
        const steps = {
          dial: () => {
            if (!limits.mayDial) return
            limits.dialled()
            dialled++
          },
          'hang up': () => {
            if (dialled === 0) return
            limits.hungUp()
            dialled--
          },
          enter: () => {
            if (limits.enter('127.0.0.1')) accepted++
          },
          leave: () => {
            if (accepted === 0) return
            limits.leave('127.0.0.1')
            accepted--
          },
        }
        for (const one of acts) {
          steps[one]()
          expect(dialled + accepted).toBeLessThanOrEqual(connectionsMax)
          expect(dialled).toBeLessThanOrEqual(limits.dialledMax)
        }
        while (dialled > 0) steps['hang up']()
        while (accepted > 0) steps.leave()
        expect(limits.mayDial).toBe(true)
      }),
      { seed: 1 },
    )
  })
})
