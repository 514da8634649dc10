import { MIB } from '@evastream/core/units'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { keepThrifty, THRIFTY_FROM_BYTES } from './memory-thrift.ts'

function peerOf(residentBytes: number) {
  const clock = fakeClock(0)
  const peer = { clock, residentBytes, savedAt: [] as number[] }
  const deps = { timers: clock, residentBytes: () => peer.residentBytes, save: () => void peer.savedAt.push(clock.now()) }
  return { peer, stop: keepThrifty(deps) }
}

test('memory thrift: a small peer: is left alone', () => {
  const { peer } = peerOf(THRIFTY_FROM_BYTES - MIB)
  peer.clock.advance(60_000)
  expect(peer.savedAt).toEqual([])
})

test('memory thrift: a peer that has grown: saves from the next look on, and is told so once', () => {
  const { peer } = peerOf(70 * MIB)
  peer.clock.advance(1000)
  peer.residentBytes = THRIFTY_FROM_BYTES
  peer.clock.advance(60_000)
  expect(peer.savedAt).toEqual([1250])
  expect(peer.clock.pendingCount).toBe(0)
})

test('memory thrift: stopped: looks no more', () => {
  const { peer, stop } = peerOf(100 * MIB)
  stop()
  peer.clock.advance(60_000)
  expect(peer.savedAt).toEqual([])
  expect(peer.clock.pendingCount).toBe(0)
})
