// What follows from the tracker's word about one song's chunks.
// Not the asking (scheduler-leases.test.ts).

import { describe, expect, test } from 'vitest'
import { type LeaseWait, SongLeases } from './song-leases.ts'

function aWait(changes: Partial<LeaseWait> = {}): LeaseWait {
  return { holder: undefined, isLeased: true, since: 900, askAgainAt: 2000, isInVain: false, ...changes }
}

function leasesWith(...waits: LeaseWait[]): SongLeases {
  const leases = new SongLeases()
  for (const [chunkId, wait] of waits.entries()) leases.waits.set(chunkId, wait)
  return leases
}

describe('song leases: whether the song is being brought', () => {
  test('somebody fetches a chunk of it: from when it is told until a second after it is to be asked again', () => {
    const leases = leasesWith(aWait())
    expect([900, 2000, 2999, 3000].map(now => leases.isBeingBrought(now))).toEqual([true, true, true, false])
  })

  test('several do: until the last of that is old', () => {
    const leases = leasesWith(aWait(), aWait({ askAgainAt: 5000 }), aWait({ askAgainAt: 3000 }))
    expect([2999, 5999, 6000].map(now => leases.isBeingBrought(now))).toEqual([true, true, false])
  })

  test('others have it, or we may not have one more: nobody is said to fetch it', () => {
    const leases = leasesWith(aWait({ isLeased: false }))
    leases.refused.add(1)
    expect(leases.isBeingBrought(1000)).toBe(false)
  })

  test('what is ours to fetch, or nothing said: nobody else does', () => {
    const leases = leasesWith()
    leases.grants.set(1, { chunkId: 1, leaseId: 'lease-1', expiresAt: 9000, firstBlocks: undefined })
    expect(leases.isBeingBrought(1000)).toBe(false)
  })

  test('its first blocks are ours to fetch: somebody else fetches the rest, until our lease is over', () => {
    const leases = leasesWith()
    leases.grants.set(0, { chunkId: 0, leaseId: 'lease-1', expiresAt: 9000, firstBlocks: 4 })
    expect([8999, 9000].map(now => leases.isBeingBrought(now))).toEqual([true, false])
  })

  test('the tracker was never asked, as far as we know now: forgotten', () => {
    const leases = leasesWith(aWait())
    leases.forget()
    expect(leases.isBeingBrought(1000)).toBe(false)
  })
})

describe('song leases: a crowd', () => {
  test('others have, or bring, a chunk that we want: we are in one; told to wait for our own turn: not', () => {
    expect(leasesWith(aWait({ isLeased: false })).isInCrowd).toBe(true)
    const leases = leasesWith()
    expect(leases.isInCrowd).toBe(false)
    leases.refused.add(0)
    expect(leases.isInCrowd).toBe(false)
  })
})
