// The caps on connections, address by address.
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
    const limits = new ConnectionLimits({ connectionsMax: 3, connectionsPerAddressMax: 1 })
    expect(['127.0.0.1', '127.0.0.1', '::1', '127.0.0.1'].map(host => limits.enter(host))).toEqual([true, true, true, false])
    limits.leave('::1')
    expect([limits.enter('10.0.0.1'), limits.enter('10.0.0.2')]).toEqual([true, false])
  })
})
