import { parsePeerId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { HandoutPolicy, handoutLimit } from './handout-policy.ts'

const HEARTBEAT_MS = 10_000
const newPolicy = () => new HandoutPolicy({ heartbeatIntervalMs: HEARTBEAT_MS })

function aPeer(name: string, observedHost: string) {
  return { peerId: parsePeerId(name), observedHost, lastSeenAt: 0 }
}

describe('HandoutPolicy: reports', () => {
  it('one peer reports a punctual one: it stays, whatever ids the reporter takes at its address', () => {
    const policy = newPolicy()
    const victim = aPeer('victim', '203.0.113.1')
    for (const name of ['liar-1', 'liar-2', 'liar-3']) policy.note(aPeer(name, '198.51.100.7'), victim, 0)
    expect(policy.isHidden(victim, HEARTBEAT_MS)).toBe(false)
  })

  it('one peer reports one whose sign of life is overdue: it is hidden until it gives one', () => {
    const policy = newPolicy()
    const silent = aPeer('silent', '203.0.113.1')
    policy.note(aPeer('witness', '198.51.100.7'), silent, 0)
    expect(policy.isHidden(silent, 15_000)).toBe(false)
    expect(policy.isHidden(silent, 15_001)).toBe(true)
    policy.disprove(silent.peerId, 16_000)
    expect(policy.isHidden(silent, 40_000)).toBe(false)
  })

  it('two addresses report a peer: it is hidden at once, until its next sign of life', () => {
    const policy = newPolicy()
    const dead = aPeer('dead', '203.0.113.1')
    policy.note(aPeer('one', '198.51.100.7'), dead, 0)
    policy.note(aPeer('two', '198.51.100.8'), dead, 0)
    expect(policy.isHidden(dead, 0)).toBe(true)
    policy.disprove(dead.peerId, 1)
    expect(policy.isHidden(dead, 1)).toBe(false)
  })

  it('two peers on loopback: count as two, though they share the address', () => {
    const policy = newPolicy()
    const dead = aPeer('dead', '127.0.0.1')
    policy.note(aPeer('one', '127.0.0.1'), dead, 0)
    expect(policy.isHidden(dead, 0)).toBe(false)
    policy.note(aPeer('two', '127.0.0.1'), dead, 0)
    expect(policy.isHidden(dead, 0)).toBe(true)
  })

  it('one peer reports it, and the tracker cannot reach it either: it is hidden at once, and the tracker goes on being believed', () => {
    const policy = newPolicy()
    const dead = aPeer('dead', '203.0.113.1')
    for (const at of [0, 100_000]) {
      policy.noteUnreachable(dead.peerId)
      expect(policy.isHidden({ ...dead, lastSeenAt: at }, at)).toBe(false)
      policy.note(aPeer('witness', '198.51.100.7'), dead, at)
      expect(policy.isHidden({ ...dead, lastSeenAt: at }, at)).toBe(true)
      policy.disprove(dead.peerId, at)
    }
  })

  it('a peer reports itself: counts for nothing', () => {
    const policy = newPolicy()
    const odd = aPeer('odd', '127.0.0.1')
    policy.note(odd, odd, 0)
    expect(policy.isHidden(odd, 60_000)).toBe(false)
  })

  it('liars whom a sign of life has disproved: are not heard for a minute, by whatever ids, and then again', () => {
    const policy = newPolicy()
    const victim = aPeer('victim', '203.0.113.1')
    const lie = (at: number, round: string) => {
      policy.note(aPeer(`one-${round}`, '198.51.100.7'), victim, at)
      policy.note(aPeer(`two-${round}`, '198.51.100.8'), victim, at)
    }
    lie(0, 'a')
    policy.disprove(victim.peerId, 10_000)
    victim.lastSeenAt = 10_000
    lie(10_001, 'b')
    lie(69_999, 'c')
    expect(policy.isHidden(victim, 70_000)).toBe(false)
    lie(70_000, 'd')
    expect(policy.isHidden(victim, 70_000)).toBe(true)
  })

  it('many reports of one peer: are bounded', () => {
    const victim = aPeer('victim', '203.0.113.1')
    const policy = newPolicy()
    for (let number = 0; number < 500; number++) policy.note(aPeer('witness', `198.51.${number >> 8}.${number & 255}`), victim, 0)
    expect(policy.witnessCount(victim.peerId)).toBe(16)
    policy.forget(victim.peerId)
    expect(policy.witnessCount(victim.peerId)).toBe(0)
  })
})

describe('handoutLimit', () => {
  it.each([
    [{ limit: 30, chunkCount: 300, isSpeltOut: true }, 30],
    [{ limit: 200, chunkCount: 4000, isSpeltOut: true }, 125],
    [{ limit: 200, chunkCount: 4_000_000, isSpeltOut: true }, 1],
    [{ limit: 200, chunkCount: 4_000_000, isSpeltOut: false }, 200],
  ])('%j: %i peers', (wanted, expected) => {
    expect(handoutLimit(wanted)).toBe(expected)
  })
})
