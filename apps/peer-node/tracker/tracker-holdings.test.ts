import type { SongId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { TrackerHoldings } from './tracker-holdings.ts'

const songId = 'song-1' as SongId

function someHoldings() {
  const told: unknown[][] = []
  const chunkIds = [1, 2]
  const holdings = new TrackerHoldings({
    announcer: {
      acquired: (...news) => void told.push(['acquired', ...news]),
      released: (...news) => void told.push(structuredClone(['released', ...news])),
      announceAgain: held => void told.push(['again', ...held]),
    },
    held: () => [[songId, chunkIds]],
  })
  return { holdings, told, chunkIds }
}

describe('tracker holdings', () => {
  it('tracker holdings: while uploading: everything is told as it is', () => {
    const { holdings, told } = someHoldings()
    holdings.setUploading(true)
    holdings.acquired(songId, [3])
    holdings.released(songId, [3])
    holdings.announceAgain()
    expect(told).toEqual([
      ['acquired', songId, [3]],
      ['released', songId, [3]],
      ['again', [songId, [1, 2]]],
    ])
  })

  it('tracker holdings: uploads end: everything is released once, nothing new is told, also not at a registration; then all comes back', () => {
    const { holdings, told, chunkIds } = someHoldings()
    holdings.setUploading(false)
    holdings.setUploading(false)
    holdings.acquired(songId, [3])
    chunkIds.push(3)
    holdings.announceAgain()
    expect(told.splice(0)).toEqual([['released', songId, [1, 2]], ['again']])
    holdings.setUploading(true)
    expect(told).toEqual([['acquired', songId, [1, 2, 3]]])
  })
})
