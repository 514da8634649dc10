import { parseSongId } from '@evastream/core/ids'
import { EngineParts } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'

class Lookups extends EngineParts {
  readonly song: SongState

  constructor(changes: Parameters<EngineParts['addSong']>[0] = {}) {
    super()
    this.song = this.addSong(changes)
  }

  /** Ticks at this time. @returns when to look again, and whether the tracker was asked. */
  tickAt(now: number): [number, boolean] {
    this.state.now = now
    const next = this.lookup.tick(this.song)
    return [next, this.wasAsked()]
  }

  settleAt(now: number): void {
    this.state.now = now
    this.lookup.settled(this.song)
  }

  wasAsked(): boolean {
    return this.commands().some(({ kind }) => kind === 'find-peers')
  }
}

describe('peer lookup: at intervals', () => {
  test('a song that was never looked up: at once', () => {
    const lookups = new Lookups()
    expect(lookups.tickAt(0)).toEqual([5000, true])
  })

  test('while the tracker is being asked: not again', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    expect(lookups.tickAt(4999)).toEqual([5000, false])
  })

  test('the tracker never answers: asked again after a while', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    expect(lookups.tickAt(5000)).toEqual([10_000, true])
  })

  test('some chunks have no holder: every two seconds', () => {
    const lookups = new Lookups()
    lookups.addPeer('anna', lookups.song, [0, 1, 2])
    lookups.tickAt(0)
    lookups.settleAt(50)
    expect(lookups.tickAt(1999)).toEqual([2000, false])
    expect(lookups.tickAt(2000)).toEqual([7000, true])
  })

  test('a chunk in progress has no holder: every two seconds', () => {
    const lookups = new Lookups({ heldChunkIds: [1, 2, 3, 4, 5, 6, 7] })
    lookups.song.startChunk(0, 0)
    lookups.tickAt(0)
    lookups.settleAt(50)
    expect(lookups.tickAt(2000)[1]).toBe(true)
  })

  test('every chunk has a holder: every ten seconds', () => {
    const lookups = new Lookups()
    lookups.addPeer('anna', lookups.song)
    lookups.tickAt(0)
    lookups.settleAt(50)
    expect(lookups.tickAt(2000)).toEqual([10_000, false])
    expect(lookups.tickAt(9999)).toEqual([10_000, false])
    expect(lookups.tickAt(10_000)).toEqual([15_000, true])
  })

  test('only held chunks have no holder: every ten seconds', () => {
    const lookups = new Lookups({ heldChunkIds: [0] })
    lookups.addPeer('anna', lookups.song, [1, 2, 3, 4, 5, 6, 7])
    lookups.tickAt(0)
    lookups.settleAt(50)
    expect(lookups.tickAt(2000)).toEqual([10_000, false])
  })
})

describe('peer lookup: in a crowd', () => {
  test('asked again soon while new peers are named, and ever later while none is', () => {
    const lookups = new Lookups()
    const pauses: number[] = []
    const answer = () => {
      lookups.settleAt(lookups.state.now)
      pauses.push(lookups.song.lookup.crowdPauseMs)
    }
    lookups.addPeer('anna', lookups.song, [])
    answer()
    for (let time = 0; time < 5; time++) answer()
    lookups.addPeer('bert', lookups.song, [])
    answer()
    expect(pauses).toEqual([200, 400, 800, 1600, 2000, 2000, 200])
  })
})

describe('peer lookup: before the origin is asked', () => {
  test('never looked up: asks, and its answer is worth waiting for', () => {
    const lookups = new Lookups()
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(300)
    expect(lookups.wasAsked()).toBe(true)
  })

  test('being asked: waits for the same answer, without asking again', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.state.now = 200
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(300)
    expect(lookups.wasAsked()).toBe(false)
  })

  test('the tracker takes too long: not waited for any more', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.state.now = 300
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(0)
  })

  test('it has just answered: nobody holds the chunk', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.settleAt(40)
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(0)
  })

  test('it answered not long ago and is being asked again: its last answer will do', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.settleAt(40)
    lookups.tickAt(2000)
    lookups.state.now = 2010
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(0)
  })

  test('its answer is old: asks again and waits', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.settleAt(40)
    lookups.state.now = 3040
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(3340)
    expect(lookups.wasAsked()).toBe(true)
  })

  test('it was asked less than a second ago and could not answer for long before: not asked again yet', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    lookups.song.lookup.isPending = false
    lookups.state.now = 900
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(0)
    expect(lookups.wasAsked()).toBe(false)
    lookups.state.now = 1000
    expect(lookups.lookup.waitUntil(lookups.song)).toBe(1300)
  })

  test('two songs: each has its own lookups', () => {
    const lookups = new Lookups()
    lookups.tickAt(0)
    const other = lookups.addSong({ songId: parseSongId('song-2') })
    expect(lookups.lookup.waitUntil(other)).toBe(300)
    expect(lookups.commands()).toEqual([{ kind: 'find-peers', songId: 'song-2' }])
  })
})
