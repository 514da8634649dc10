import { type PeerId, parsePeerId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PeerIndex } from './peer-index.ts'

const name = fc.constantFrom('a', 'b', 'peer-1', 'peer-2', 'a-peer-of-a-longer-name-1', 'another-peer-of-a-longer-name-1')
const step = fc.record({ kind: fc.constantFrom('set', 'delete'), peerId: name.map(parsePeerId), row: fc.nat() })

describe('PeerIndex', () => {
  it('any steps: it knows what one map would know', () => {
    fc.assert(
      fc.property(fc.array(step), steps => {
        const index = new PeerIndex()
        const map = new Map<PeerId, number>()
        for (const { kind, peerId, row } of steps) {
          if (kind === 'set') {
            index.set(peerId, row)
            map.set(peerId, row)
          } else {
            index.delete(peerId)
            map.delete(peerId)
          }
          expect(index.size).toBe(map.size)
          expect(index.get(peerId)).toBe(map.get(peerId))
        }
        for (const [peerId, row] of map) expect(index.get(peerId)).toBe(row)
      }),
    )
  })
})
