// Addresses, backoff and bans, on a clock that the test moves.
import type { PeerId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { type KnownPeer, PeerBook } from './peer-book.ts'

const me = 'me' as PeerId
const ann = { peerId: 'ann' as PeerId, host: '127.0.0.1', port: 9001 }
const bob = { peerId: 'bob' as PeerId, host: '127.0.0.1', port: 9002 }

function aBook(knownMax = 10) {
  const clock = fakeClock()
  return { clock, book: new PeerBook({ clock }, { ownPeerId: me, knownMax }) }
}

describe('PeerBook', () => {
  it('peer book: this node itself: is never learned', () => {
    const { book } = aBook()
    expect(book.learn({ ...ann, peerId: me })).toBeUndefined()
    expect(book.get(me)).toBeUndefined()
  })

  it('peer book: failures: each doubles the wait, up to 30 s', () => {
    const { book, clock } = aBook()
    const waits: number[] = []
    book.learn(ann)
    for (let failure = 0; failure < 9; failure++) {
      book.lost(ann.peerId, { livedMs: 0 })
      waits.push(book.waitMs(book.get(ann.peerId) as KnownPeer))
      clock.advance(waits.at(-1) as number)
      expect(book.waitMs(book.get(ann.peerId) as KnownPeer)).toBe(0)
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('peer book: a failure that names a time to come back: waits that long, if the backoff is not longer', () => {
    const { book } = aBook()
    book.learn(ann)
    book.lost(ann.peerId, { livedMs: 0, retryAfterMs: 7000 })
    expect(book.waitMs(book.get(ann.peerId) as KnownPeer)).toBe(7000)
    book.lost(ann.peerId, { livedMs: 0, retryAfterMs: 10 })
    expect(book.waitMs(book.get(ann.peerId) as KnownPeer)).toBe(1000)
  })

  it('peer book: somebody else at its address: is hidden until introduced anew, and the wait stays', () => {
    const { book } = aBook()
    book.learn(ann)
    book.lost(ann.peerId, { livedMs: 0 })
    book.misplaced(ann.peerId)
    expect(book.get(ann.peerId)).toBeUndefined()
    expect([...book.dialable()]).toEqual([])
    expect(book.waitMs(book.learn(ann) as KnownPeer)).toBe(500)
    expect(book.get(ann.peerId)).toMatchObject(ann)
  })

  it('peer book: many bans over a long time: those that have passed are not kept', () => {
    const { book, clock } = aBook()
    for (let count = 0; count < 100; count++) {
      book.ban(`peer-${count}` as PeerId, 1000)
      clock.advance(500)
    }
    expect(book.banCount).toBeLessThanOrEqual(2)
  })

  it('peer book: a connection that lasted: its end counts as a first failure', () => {
    const { book } = aBook()
    book.learn(ann)
    for (let failure = 0; failure < 5; failure++) book.lost(ann.peerId, { livedMs: 0 })
    book.lost(ann.peerId, { livedMs: 60_000 })
    expect(book.waitMs(book.get(ann.peerId) as KnownPeer)).toBe(500)
  })

  it('peer book: learned again at another address: starts afresh; at the same one it does not', () => {
    const { book } = aBook()
    book.learn(ann)
    book.lost(ann.peerId, { livedMs: 0 })
    expect(book.waitMs(book.learn(ann) as KnownPeer)).toBe(500)
    expect(book.waitMs(book.learn({ ...ann, port: 9009 }) as KnownPeer)).toBe(0)
  })

  it('peer book: a ban: hides the peer until it has passed', () => {
    const { book, clock } = aBook()
    book.learn(ann)
    book.ban(ann.peerId, 1000)
    expect(book.get(ann.peerId)).toBeUndefined()
    expect(book.learn(ann)).toBeUndefined()
    expect([...book.dialable()]).toEqual([])
    clock.advance(1000)
    expect(book.get(ann.peerId)).toMatchObject(ann)
  })

  it('peer book: a banned peer under a new id at the address where it had said hello: is banned there too', () => {
    const { book } = aBook()
    book.learn(ann)
    book.greeted(ann.peerId)
    book.ban(ann.peerId, 1000)
    expect(book.learn({ ...ann, peerId: 'ann-2' as PeerId })).toBeUndefined()
    expect(book.learn(bob)).toMatchObject(bob)
  })

  it('peer book: a banned peer that never answered at its address: whoever lives there now is not banned', () => {
    const { book } = aBook()
    book.learn(ann)
    book.ban(ann.peerId, 1000)
    expect(book.learn({ ...ann, peerId: 'heir' as PeerId })).toMatchObject({ peerId: 'heir' })
  })

  it('peer book: more peers than it remembers: the one longest unmentioned is forgotten', () => {
    const { book } = aBook(2)
    book.learn(ann)
    book.learn(bob)
    book.learn(ann)
    book.learn({ ...bob, peerId: 'carol' as PeerId, port: 9003 })
    expect([ann.peerId, bob.peerId, 'carol' as PeerId].map(peerId => book.get(peerId)?.peerId)).toEqual(['ann', undefined, 'carol'])
  })

  it('peer book: who may be dialled: those that failed least come first, those that wait not at all', () => {
    const { book, clock } = aBook()
    book.learn(ann)
    book.learn(bob)
    book.learn({ ...bob, peerId: 'carol' as PeerId, port: 9003 })
    book.lost(ann.peerId, { livedMs: 0 })
    book.lost(bob.peerId, { livedMs: 0 })
    book.lost(bob.peerId, { livedMs: 0 })
    expect([...book.dialable()].map(peer => peer.peerId)).toEqual(['carol'])
    clock.advance(1000)
    expect([...book.dialable()].map(peer => peer.peerId)).toEqual(['carol', 'ann', 'bob'])
  })
})
