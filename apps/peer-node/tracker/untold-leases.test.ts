import { parseSongId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { UntoldLeases } from './untold-leases.ts'

const [songA, songB] = [parseSongId('a'), parseSongId('b')]

describe('untold leases', () => {
  it('granted in several answers: all of them, by song, until they are told', () => {
    const leases = new UntoldLeases()
    leases.granted(songA, [{ chunkId: 1 }, { chunkId: 2 }])
    leases.granted(songA, [{ chunkId: 3 }])
    leases.granted(songB, [{ chunkId: 1 }])
    leases.told(songA, [1, 7])
    expect([leases.of(songA), leases.of(songB)]).toEqual([new Set([2, 3]), new Set([1])])
    leases.told(songA, [2, 3])
    expect([leases.of(songA), leases.of(songB)]).toEqual([new Set(), new Set([1])])
  })

  it('nothing granted, or told without a lease: none', () => {
    const leases = new UntoldLeases()
    leases.granted(songA, [])
    leases.told(songA, [1])
    expect(leases.of(songA)).toEqual(new Set())
  })
})
