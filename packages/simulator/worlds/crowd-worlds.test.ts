// The worlds of crowds: that they are what they say, and that their figures say what happened.
// Not how well they come out: the bench measures that.

import { describe, expect, test } from 'vitest'
import { simulate } from '../simulation.ts'
import { crowdFigures, crowdLine } from './crowd-figures.ts'
import { CROWD_WORLDS, isCrowdWorldName } from './crowd-worlds.ts'

const NAMES = Object.keys(CROWD_WORLDS).filter(isCrowdWorldName)

describe.each(NAMES)('world %s', name => {
  const { plan } = CROWD_WORLDS[name]

  test('is plain data, the same for a seed, another for the next', () => {
    expect(JSON.parse(JSON.stringify(plan(3)))).toEqual(plan(3))
    expect(plan(4)).not.toEqual(plan(3))
  })

  test('everybody presses play on the same song within 50 ms, and holds nothing of it', () => {
    const { peers, songs } = plan(1)
    const times = peers.map(({ joinsAt, listens }) => joinsAt + (listens[0]?.startsAfterMs ?? Number.NaN))
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(50)
    for (const peer of peers) {
      expect(peer.listens[0]?.songId).toBe(songs[0]?.songId)
      expect(peer.songs.some(({ songId }) => songId === songs[0]?.songId)).toBe(false)
    }
  })
})

test('without a tracker: each knows half of the others, from an earlier song that these hold', () => {
  const { peers, faults } = CROWD_WORLDS['crowd-trackerless-50'].plan(1)
  const goneAt = Math.min(...faults.map(({ at }) => at))
  for (const { listens } of peers) {
    const earlier = listens[1]
    expect(earlier?.startsAfterMs).toBeLessThan(goneAt - 1000)
    expect(peers.filter(({ songs }) => songs.some(({ songId }) => songId === earlier?.songId))).toHaveLength(25)
  }
})

test('six together: no rule is broken, everybody has the song, and the figures tell when', () => {
  const outcome = simulate({ seed: 1, plan: CROWD_WORLDS['crowd-one-copy-6'].plan(1) })
  expect(outcome.violations).toEqual([])
  expect(outcome.missing).toEqual([])
  const figures = crowdFigures('crowd-one-copy-6', outcome)
  expect(figures).toMatchObject({ peerCount: 6, survivorCount: 6, finishedCount: 6 })
  expect(figures.copies).toBeGreaterThanOrEqual(1)
  expect(figures.boundRatio).toBeGreaterThan(1)
  expect(crowdLine(figures)).toContain('copies, last peer ')
})

test('a fifth is killed midway: ten of fifty are dead, and the rest has the song', () => {
  const plan = CROWD_WORLDS['crowd-killed-50'].plan(1)
  const few = { ...plan, peers: plan.peers.slice(0, 10), endsAt: plan.endsAt * 10 }
  const faults = plan.faults.map(fault =>
    fault.kind === 'peers-killed' ? { ...fault, count: 2, peerIds: few.peers.map(({ peerId }) => peerId) } : fault,
  )
  const outcome = simulate({ seed: 1, plan: { ...few, faults }, isChecked: false })
  expect(crowdFigures('crowd-killed-50', outcome)).toMatchObject({ peerCount: 10, survivorCount: 8, finishedCount: 8 })
})
