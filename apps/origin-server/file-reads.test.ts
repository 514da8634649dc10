// Checks which way a file is read, with a clock and a disk that do as they are told.

import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { FileReads } from './file-reads.ts'

const part = { descriptor: 3, target: new Uint8Array(10), position: 0 }

function setUp() {
  const clock = fakeClock()
  const ways: string[] = []
  const system = { readMs: 0, isDiskNeeded: false, diskReads: 0 }
  const reads = new FileReads({
    clock,
    ways: {
      onThread: () => {
        ways.push('on thread')
        clock.advance(system.readMs)
        if (system.isDiskNeeded) system.diskReads++
        return 10
      },
      inPool: async () => {
        ways.push('in pool')
        return 7
      },
      diskReads: () => system.diskReads,
    },
  })
  return { clock, ways, system, reads }
}

describe('file reads', () => {
  it('file reads: what comes at once, or slowly without a disk: is read on the thread', async () => {
    const { ways, reads, system } = setUp()
    system.isDiskNeeded = true
    system.readMs = 1
    expect(await reads.read(part)).toBe(10)
    system.isDiskNeeded = false
    system.readMs = 12
    expect([await reads.read(part), await reads.read(part)]).toEqual([10, 10])
    expect(ways).toEqual(['on thread', 'on thread', 'on thread'])
  })

  it('file reads: a disk that was waited for: sends a second of reads to the pool, then one looks whether it still is', async () => {
    const { clock, ways, reads, system } = setUp()
    system.isDiskNeeded = true
    system.readMs = 12
    await reads.read(part)
    await reads.read(part)
    expect(await reads.read(part)).toBe(7)
    clock.advance(999)
    await reads.read(part)
    clock.advance(1)
    await reads.read(part)
    await reads.read(part)
    expect(ways).toEqual(['on thread', 'on thread', 'in pool', 'in pool', 'on thread', 'in pool'])
    clock.advance(1000)
    system.isDiskNeeded = false
    await reads.read(part)
    await reads.read(part)
    expect(ways.slice(6)).toEqual(['on thread', 'on thread'])
  })
})
