import { describe, expect, it } from 'vitest'
import { type CounterReading, TrafficMeter } from './traffic-meter.ts'

const reading = (parts: Partial<CounterReading>): CounterReading => ({
  bootId: 'a',
  peerBytes: 0,
  originBytes: 0,
  sentBytes: 0,
  house: undefined,
  ...parts,
})

describe('traffic meter', () => {
  it('the first reading: counts nothing; later ones their growth', () => {
    const meter = new TrafficMeter()
    expect(meter.read(reading({ peerBytes: 500, sentBytes: 900 }))).toEqual({ serverBytes: 0, listenerBytes: 0 })
    expect(meter.read(reading({ peerBytes: 700, sentBytes: 1000 }))).toEqual({ serverBytes: 100, listenerBytes: 200 })
  })

  it('the tracker or the origin starts again: what they count from nothing is new', () => {
    const meter = new TrafficMeter()
    meter.read(reading({ peerBytes: 500, sentBytes: 900 }))
    expect(meter.read(reading({ bootId: 'b', peerBytes: 30, sentBytes: 900 }))).toEqual({ serverBytes: 0, listenerBytes: 30 })
    expect(meter.read(reading({ bootId: 'b', peerBytes: 40, sentBytes: 20 }))).toEqual({ serverBytes: 20, listenerBytes: 10 })
  })

  it('an origin that does not answer: is known by what peers say, and counted once when it answers again', () => {
    const meter = new TrafficMeter()
    meter.read(reading({ sentBytes: 900 }))
    expect(meter.read(reading({ sentBytes: undefined, originBytes: 0 })).serverBytes).toBe(0)
    expect(meter.read(reading({ sentBytes: 950, originBytes: 0 })).serverBytes).toBe(50)
  })

  it("the house's own peer: what it sends comes from the server, what it fetches from its origin from nobody", () => {
    const meter = new TrafficMeter()
    const house = { originBytes: 0, peerBytes: 0, sentBytes: 0 }
    meter.read(reading({ house }))
    expect(meter.read(reading({ sentBytes: 100, originBytes: 100, house: { ...house, originBytes: 100 } }))).toEqual({
      serverBytes: 0,
      listenerBytes: 0,
    })
    const later = reading({ sentBytes: 100, originBytes: 100, peerBytes: 90, house: { originBytes: 100, peerBytes: 0, sentBytes: 60 } })
    expect(meter.read(later)).toEqual({ serverBytes: 60, listenerBytes: 30 })
  })
})
