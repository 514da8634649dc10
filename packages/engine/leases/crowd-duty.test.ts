import { EngineParts } from '@evastream/testkit/engine-fixtures'
import { expect, test } from 'vitest'
import { isCrowdWaiting } from './crowd-duty.ts'

const WAITED_FOR = { holder: undefined, isLeased: true, since: 0, askAgainAt: 1000, isInVain: false }

function aListenerInACrowd() {
  const parts = new EngineParts()
  const song = parts.addSong()
  song.readerMoved('reader', 0, 0)
  song.leases.waits.set(0, WAITED_FOR)
  return { parts, song }
}

test('crowd duty: others bring what is heard first, and nobody has it: they wait for what is ours to bring', () => {
  const { parts, song } = aListenerInACrowd()
  expect(isCrowdWaiting(parts.state, song)).toBe(true)
})

test('crowd duty: somebody has what is heard first: that comes first', () => {
  const { parts, song } = aListenerInACrowd()
  parts.addPeer('anna', song, [0])
  expect(isCrowdWaiting(parts.state, song)).toBe(false)
  song.readerMoved('reader', song.shape.chunkSize, 0)
  expect(isCrowdWaiting(parts.state, song)).toBe(true)
})

test('crowd duty: nobody else wants the song, or nobody hears it here: none', () => {
  const { parts, song } = aListenerInACrowd()
  song.readerStopped('reader')
  expect(isCrowdWaiting(parts.state, song)).toBe(false)
  song.readerMoved('reader', 0, 0)
  song.leases.waits.clear()
  expect(isCrowdWaiting(parts.state, song)).toBe(false)
})
