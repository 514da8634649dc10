// From when on the music may do without a lease.
// Not the asking of leases (scheduler-leases.test.ts) and not the choice of a source (origin-last.test.ts).

import { EngineParts } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { OriginPermits } from './origin-permits.ts'
import type { LeaseWait } from './song-leases.ts'

const BEGAN_AT = 1000
const BUDGET_MS = 1000

/** A reader begins a song whose first chunk we may not have, and the tracker has said this. */
function overrideFrom(said: {
  readonly first: Partial<LeaseWait> | 'refused' | 'first blocks' | 'all'
  readonly other?: Partial<LeaseWait>
}): number {
  const parts = new EngineParts({ hasLeases: true, startBudgetMs: BUDGET_MS })
  parts.state.now = BEGAN_AT
  const song = parts.addSong()
  song.window.moved('reader', 0, { at: BEGAN_AT, isHere: () => false })
  song.leases.askedAt = BEGAN_AT
  const wait = { holder: undefined, isLeased: false, since: BEGAN_AT, askAgainAt: BEGAN_AT + 50, isInVain: false }
  const grant = { chunkId: 0, leaseId: 'lease-1', expiresAt: BEGAN_AT + 5000 }
  if (said.first === 'refused') song.leases.refused.add(0)
  else if (said.first === 'first blocks') song.leases.grants.set(0, { ...grant, firstBlocks: 4 })
  else if (said.first === 'all') song.leases.grants.set(0, { ...grant, firstBlocks: undefined })
  else song.leases.waits.set(0, { ...wait, ...said.first })
  if (said.other !== undefined) song.leases.waits.set(1, { ...wait, ...said.other })
  return new OriginPermits(parts.state, { areAllUseless: () => false }).overrideFrom(song, 0)
}

describe('origin permits: a first sound without a lease', () => {
  test('somebody brings the chunk: the swarm has its budget', () => {
    expect(overrideFrom({ first: { isLeased: true } })).toBe(BEGAN_AT + BUDGET_MS)
  })

  test('we may have no more just now, and others bring other chunks: the swarm has its budget', () => {
    expect(overrideFrom({ first: 'refused', other: { isLeased: true } })).toBe(BEGAN_AT + BUDGET_MS)
  })

  test('we may have no more just now, and nobody else brings anything: at once, for there is no swarm to wait for', () => {
    expect(overrideFrom({ first: 'refused' })).toBe(0)
  })

  test('its first blocks are ours to bring: somebody else brings the rest, and has the budget', () => {
    expect(overrideFrom({ first: 'first blocks' })).toBe(BEGAN_AT + BUDGET_MS)
    expect(overrideFrom({ first: 'all' })).toBe(0)
  })

  test('others have the chunk: at once, for they could have sent it', () => {
    expect(overrideFrom({ first: {} })).toBe(0)
  })
})
