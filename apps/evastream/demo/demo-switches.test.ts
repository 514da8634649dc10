// Checks what the two switches of a demo allow and when, on a town that only notes what it was told.

import { EvaError } from '@evastream/core/errors'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { DemoSwitches } from './demo-switches.ts'
import type { PublishedSong } from './town.ts'

const SONG: PublishedSong = { songId: 'song', title: 'Song', fileSize: 4000, chunkCount: 1, chunkSize: 4096, sha256: '' }

function aDemo({ isStoryTold = true, fails = false } = {}) {
  const clock = fakeClock()
  const told: string[] = []
  const town = {
    stopOrigin: async () => void told.push('stop'),
    restartOrigin: async () => {
      if (fails) throw new EvaError('EVA_PORT_TAKEN')
      told.push('start')
    },
    startPeer: async (name: string, songId: string, limit: number): Promise<never> => {
      told.push(`${name} ${songId} ${limit}`)
      if (fails) throw new EvaError('EVA_SERVICE_UNREACHABLE')
      return undefined as never
    },
  }
  const switches = new DemoSwitches({ town, clock, timers: clock })
  if (isStoryTold) switches.storyTold(SONG)
  return { switches, clock, told, settle: () => new Promise(resolve => setImmediate(resolve)) }
}

const codeOf = (doing: Promise<unknown>) =>
  doing.then(
    () => 'done',
    thrown => (thrown as EvaError).code,
  )

describe('demo switches', () => {
  it('while the story is told: nothing can be changed', async () => {
    const { switches, told } = aDemo({ isStoryTold: false })
    expect(await codeOf(switches.unplugOrigin())).toBe('EVA_DEMO_BUSY')
    expect(await codeOf(switches.addListeners())).toBe('EVA_DEMO_BUSY')
    expect([told, switches.state.isStoryTold]).toEqual([[], false])
  })

  it('the origin: goes once, is counted down, and comes back after 20 s', async () => {
    const { switches, clock, told, settle } = aDemo()
    await switches.unplugOrigin()
    expect(switches.state).toMatchObject({ origin: 'away', originBackInSeconds: 20 })
    expect(await codeOf(switches.unplugOrigin())).toBe('EVA_DEMO_BUSY')
    clock.advance(5500)
    expect(switches.state.originBackInSeconds).toBe(15)
    clock.advance(14_500)
    await settle()
    expect([told, switches.state.origin, switches.state.originBackInSeconds]).toEqual([['stop', 'start'], 'here', null])
    expect(await codeOf(switches.unplugOrigin())).toBe('done')
  })

  it('an origin that does not come back: is said to be lost', async () => {
    const { switches, clock, settle } = aDemo({ fails: true })
    await switches.unplugOrigin()
    clock.advance(20_000)
    await settle()
    expect(switches.state).toMatchObject({ origin: 'lost', originBackInSeconds: null })
    expect(await codeOf(switches.unplugOrigin())).toBe('EVA_DEMO_BUSY')
  })

  it('listeners: five at a time, each under a name of its own, and no more than twenty', async () => {
    const { switches, told } = aDemo()
    const first = switches.addListeners()
    expect([switches.state.isAdding, await codeOf(switches.addListeners())]).toEqual([true, 'EVA_DEMO_BUSY'])
    await first
    expect(switches.state).toMatchObject({ isAdding: false, listenersAdded: 5 })
    for (let press = 0; press < 3; press++) await switches.addListeners()
    expect(await codeOf(switches.addListeners())).toBe('EVA_DEMO_BUSY')
    expect([told[0], new Set(told).size]).toEqual(['listener-1 song 1000', 20])
  })

  it('listeners that do not start: the press fails with their own words, and the next one takes other names', async () => {
    const { switches, told } = aDemo({ fails: true })
    expect(await codeOf(switches.addListeners())).toBe('EVA_SERVICE_UNREACHABLE')
    expect(switches.state.isAdding).toBe(false)
    await codeOf(switches.addListeners())
    expect(new Set(told).size).toBe(10)
  })

  it('closed while the origin is away: no timer is left', async () => {
    const { switches, clock } = aDemo()
    await switches.unplugOrigin()
    switches.close()
    expect(clock.pendingCount).toBe(0)
  })
})
