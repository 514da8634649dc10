import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import type { Source } from '../commands.ts'
import { askedClass } from './asked-class.ts'

const NOW = 1000

interface Wanted {
  readonly deadlineAt?: number
  readonly isBrought?: boolean
  readonly priority?: 'play' | 'seed'
  readonly beganAt?: number
}

function askedOf(source: Source, { deadlineAt, isBrought = true, priority = 'play', beganAt }: Wanted) {
  const parts = new EngineParts()
  parts.state.now = NOW
  const song = parts.addSong()
  const bringing = { holder: undefined, isElsewhere: true, isLeased: true, since: 0, askAgainAt: NOW, isInVain: false }
  if (beganAt !== undefined) song.readerMoved('reader', 0, beganAt)
  if (isBrought) song.leases.waits.set(1, bringing)
  return askedClass({ song, source, priority, deadlineAt }, parts.state)
}

describe('asked class', () => {
  test('while others bring the song: a peer is asked for what is heard soon as for play, for the rest of the window not', () => {
    expect([0, 999, 1500, 1501, 9000].map(deadlineAt => askedOf(fromPeer('anna'), { deadlineAt }))).toEqual([
      'play',
      'play',
      'play',
      'prefetch',
      'prefetch',
    ])
  })

  test('somebody has just pressed play: what is heard first is asked for as for play at once', () => {
    expect([2000, 2001].map(deadlineAt => askedOf(fromPeer('anna'), { deadlineAt, beganAt: NOW }))).toEqual(['play', 'prefetch'])
  })

  test('nobody brings it, or it is asked of the origin: as it was wanted', () => {
    expect(askedOf(fromPeer('anna'), { deadlineAt: 9000, isBrought: false })).toBe('play')
    expect(askedOf(fromOrigin, { deadlineAt: 9000 })).toBe('play')
  })

  test('nobody waits for it: as it was wanted', () => {
    expect(askedOf(fromPeer('anna'), { priority: 'seed' })).toBe('seed')
  })
})
