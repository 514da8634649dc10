import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { FreeNeighbours, someoneHas } from './free-neighbours.ts'

const NEVER = Number.POSITIVE_INFINITY

function aSong() {
  const parts = new EngineParts()
  const song = parts.addSong()
  const { state, survey } = parts
  const neighbours = new FreeNeighbours({ state, survey })
  const namesOf = (kind: 'free' | 'awaited') => neighbours.of(song)[kind].map(({ peerId }) => String(peerId))
  return { parts, state, song, neighbours, namesOf }
}

/** Of the song's first chunk the first half is asked for of the origin, which may not be asked for more: somebody else brings it. */
function halfAsked() {
  const stage = aSong()
  const { chunk } = stage.parts.ask(stage.song, fromOrigin, { blockCount: 8 })
  stage.state.hasLeases = true
  return { ...stage, chunk }
}

describe('free neighbours', () => {
  test('each by how it stands: free or slow, full or busy, and those that failed again and again nowhere', () => {
    const { parts, state, song, neighbours, namesOf } = aSong()
    for (const name of ['anna', 'slow', 'full', 'busy', 'failed']) parts.addPeer(name, song)
    const pace = state.paceOf(fromPeer('slow'))
    pace.asked(1000, 0)
    pace.arrived(1000, 1000)
    pace.ended(0, 1000)
    state.now = 1000
    parts.ask(song, fromPeer('full'))
    state.health.busy(parts.addPeer('busy', song), 1000, 700)
    state.health.failed(parts.addPeer('failed', song), 0)
    state.health.failed(parts.addPeer('failed', song), 1000)
    expect([namesOf('free'), namesOf('awaited')]).toEqual([
      ['anna', 'slow'],
      ['full', 'busy'],
    ])
    expect(neighbours.of(song).wakeAt).toBe(1700)
  })

  test('nobody pauses: no moment to wake at', () => {
    const { parts, song, neighbours } = aSong()
    parts.addPeer('anna', song)
    parts.ask(song, fromPeer('anna'))
    expect(neighbours.of(song).wakeAt).toBe(NEVER)
  })

  test('looked at again: the same until it is forgotten', () => {
    const { parts, song, neighbours, namesOf } = aSong()
    parts.addPeer('anna', song)
    const before = neighbours.of(song)
    parts.ask(song, fromPeer('anna'))
    expect(neighbours.of(song)).toBe(before)
    neighbours.forget()
    expect([namesOf('free'), namesOf('awaited')]).toEqual([[], ['anna']])
  })

  test('whether someone has a chunk: not who failed it a moment ago', () => {
    const { parts, song, neighbours } = aSong()
    song.markPeer(2, parts.addPeer('anna', song, [2, 3]), 0)
    const { free } = neighbours.of(song)
    expect([1, 2, 3].map(chunkId => someoneHas(free, song, chunkId, 0))).toEqual([false, false, true])
    expect(someoneHas(free, song, 2, song.markOf(2, free[0]?.peerId ?? parts.addPeer('anna', song)))).toBe(true)
  })
})

describe('free neighbours: the prospect of a chunk in progress', () => {
  test('nobody has it, and the origin is not ours to ask: none', () => {
    const { parts, song, neighbours, chunk } = halfAsked()
    parts.addPeer('anna', song, [1])
    expect(neighbours.prospectOf(song, chunk)).toEqual({ mayBeAsked: false, wakeAt: NEVER })
  })

  test('a free peer has it, or just the block that is next: good', () => {
    const { parts, state, song, neighbours, chunk } = halfAsked()
    const peerId = parts.addPeer('anna', song, [])
    const tellArriving = (blocks: readonly number[]) =>
      state.peers.arriving(song.songId, peerId, { chunks: [{ chunkId: 0, blocks }], at: 0 })
    chunk.firstBlockAt = 0
    tellArriving([7])
    expect(neighbours.prospectOf(song, chunk).mayBeAsked).toBe(false)
    tellArriving([7, 8])
    expect(neighbours.prospectOf(song, chunk).mayBeAsked).toBe(true)
  })

  test('the origin may be asked for it: good', () => {
    const { state, song, neighbours, chunk } = halfAsked()
    song.leases.grants.set(0, { chunkId: 0, leaseId: 'x', expiresAt: 100, firstBlocks: undefined })
    expect(neighbours.prospectOf(song, chunk).mayBeAsked).toBe(true)
    state.now = 100
    expect(neighbours.prospectOf(song, chunk).mayBeAsked).toBe(false)
  })

  test('all of it is asked for, or here: none, whoever has it', () => {
    const { parts, song, neighbours, chunk } = halfAsked()
    parts.addPeer('anna', song)
    parts.ask(song, fromOrigin, { firstBlock: 8 })
    expect(neighbours.prospectOf(song, chunk)).toEqual({ mayBeAsked: false, wakeAt: NEVER })
  })

  test('who has it pauses, failed it a moment ago, or the origin opens later: the first of these moments is told', () => {
    const { parts, state, song, neighbours, chunk } = halfAsked()
    const wakeAt = () => {
      neighbours.forget()
      expect(neighbours.prospectOf(song, chunk).mayBeAsked).toBe(false)
      return neighbours.prospectOf(song, chunk).wakeAt
    }
    const wait = { holder: undefined, isLeased: false, since: 0, askAgainAt: 0, isInVain: false }
    song.markPeer(0, parts.addPeer('anna', song), 0)
    expect(wakeAt()).toBe(state.config.chunkMarkBaseMs)
    song.leases.waits.set(0, { ...wait, since: 100 })
    const opensAt = wakeAt()
    expect(opensAt).toBeLessThan(state.config.chunkMarkBaseMs)
    state.health.busy(parts.addPeer('busy', song), 0, 70)
    expect([opensAt > 70, wakeAt()]).toEqual([true, 70])
  })
})
