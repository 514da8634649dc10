// The worlds of listeners: that they are what they say, the same every time, and within the rules when the production Scheduler plays them.
// Not how well they come out: npm run bench:playback measures that.

import { MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { describe, expect, test } from 'vitest'
import { type Outcome, simulate } from '../simulation.ts'
import { isPlaybackWorldName, PLAYBACK_WORLDS, type PlaybackWorldName } from './playback-worlds.ts'

const NAMES = Object.keys(PLAYBACK_WORLDS).filter(isPlaybackWorldName)

function play(name: PlaybackWorldName, seed = 1): Outcome {
  const outcome = simulate({ seed, plan: PLAYBACK_WORLDS[name].plan(seed) })
  expect(outcome.violations).toEqual([])
  return outcome
}

describe.each(NAMES)('world %s', name => {
  const { plan } = PLAYBACK_WORLDS[name]

  test('is plain data, the same for a seed, another for the next', () => {
    expect(JSON.parse(JSON.stringify(plan(3)))).toEqual(plan(3))
    expect(plan(4)).not.toEqual(plan(3))
  })

  test('everybody who listens hears a song of this world, and has time for it', () => {
    const { peers, songs, endsAt } = plan(1)
    const known = new Set<string>(songs.map(({ songId }) => songId))
    const listens = peers.flatMap(peer => peer.listens.map(listen => ({ ...listen, at: peer.joinsAt + listen.startsAfterMs })))
    expect(listens.length).toBeGreaterThan(0)
    for (const { songId, queue = [] } of listens) expect([songId, ...queue].every(id => known.has(id))).toBe(true)
    for (const { at } of listens) expect(at).toBeLessThan(endsAt)
  })
})

test('churn: of a hundred peers some seventy are left after a minute, and as many come', () => {
  const { peers, faults, endsAt } = PLAYBACK_WORLDS.churn.plan(1)
  const gone = new Map(faults.flatMap(fault => (fault.kind === 'peer-crash' ? [[fault.peerId, fault.at] as const] : [])))
  const isHere = (peer: (typeof peers)[number], at: number) =>
    peer.joinsAt <= at && at < (peer.leavesAt ?? gone.get(peer.peerId) ?? Number.POSITIVE_INFINITY)
  let [before, left] = [0, 0]
  for (let at = MINUTE_MS; at < endsAt - 2 * MINUTE_MS; at += 10 * SECOND_MS) {
    const here = peers.filter(peer => isHere(peer, at))
    expect(here).toHaveLength(30)
    before += here.length
    left += here.filter(peer => isHere(peer, at + MINUTE_MS)).length
  }
  expect(left / before).toBeGreaterThan(0.65)
  expect(left / before).toBeLessThan(0.75)
})

test('tarpits: nine of ten peers are', () => {
  const { peers, adversaries } = PLAYBACK_WORLDS.tarpits.plan(1)
  expect(adversaries.length / (adversaries.length + peers.length)).toBe(0.9)
})

test('cold start alone: takes at least its round trips, and all bytes come once from the origin', () => {
  const { plays, originBytes, peerBytes, plan } = play('cold-alone')
  // Metadata: two, and the tracker is asked meanwhile; the origin: connecting, asking, and TCP's slow start: three.
  expect(plays[0]?.startupMs).toBeGreaterThan(5 * 20)
  expect(plays[0]?.startupMs).toBeLessThan(500)
  expect(originBytes).toBe(plan.songs[0]?.shape.fileSize)
  expect(peerBytes).toBe(0)
})

test('prefetched: every listener hears the whole queue, and the songs after the first start without a wait', () => {
  const { plays, plan } = play('prefetched')
  expect(plays).toHaveLength(plan.peers.length * plan.songs.length)
  expect(plays.every(({ isOver }) => isOver)).toBe(true)
  const queued = plays.filter(({ how }) => how === 'queued').map(({ startupMs }) => startupMs ?? Number.POSITIVE_INFINITY)
  expect(Math.max(...queued)).toBeLessThanOrEqual(20)
})

test('calm: played twice with the same seed: the same plays to the millisecond', () => {
  expect(play('six-together', 2).plays).toEqual(play('six-together', 2).plays)
})
