import { expect, test } from 'vitest'
import { honestLine, mapText, runsOf } from './song-origin-text.ts'
import { clockText } from './time-text.ts'

const map = (chunks: string, [originBytes, peerBytes, peerCount]: [number, number, number]) => ({
  songId: 's',
  chunkCount: chunks.length,
  chunks,
  sources: { originBytes, peerBytes, peerCount },
})

test('honest line: says who sent what is here, and never more', () => {
  expect(honestLine(map('opp', [290, 710, 3]))).toBe('71 % from 3 listeners')
  expect(honestLine(map('ppp', [0, 10, 1]))).toBe('100 % from one listener')
  expect(honestLine(map('opp', [1, 999_999, 2]))).toBe('99 % from 2 listeners')
  expect(honestLine(map('oo.', [10, 0, 0]))).toBe('You are the first one here')
  expect(honestLine(map('sss', [0, 0, 0]))).toBe('It was here already')
  expect([honestLine(map('..', [0, 0, 0])), honestLine(undefined)]).toEqual(['Looking for it', 'Looking for it'])
})

test('map text: counts the chunks of each kind', () => {
  expect(mapText(map('ppof.', [1, 1, 1]))).toBe('5 chunks: 2 from listeners, 1 from the server, 1 on their way, 1 not here yet')
})

test('runs: neighbours of one kind are one, strangers count as missing', () => {
  expect(runsOf('oop?')).toEqual([
    { mark: 'o', first: 0, count: 2 },
    { mark: 'p', first: 2, count: 1 },
    { mark: '.', first: 3, count: 1 },
  ])
})

test('clock text: minutes and seconds, and hours where there are any', () => {
  expect([0, 7.9, 247, 3723, Number.NaN].map(clockText)).toEqual(['0:00', '0:07', '4:07', '1:02:03', '0:00'])
})
