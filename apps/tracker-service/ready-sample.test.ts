// Samples that several askers get: for how long, for how many, and for whom not.

import { parsePeerId } from '@evastream/core/ids'
import { expect, test } from 'vitest'
import { ReadySamples } from './ready-sample.ts'

const SAMPLE = { body: '{}', peerIds: [parsePeerId('peer-1')] }
const QUESTION = { exclude: 'peer-9', limit: 30, at: 1000, version: 7 }

function keeping(): ReadySamples {
  const samples = new ReadySamples()
  samples.keep('song-1', [SAMPLE], QUESTION)
  return samples
}

test.each([
  ['a later moment', { at: 1249 }, '{}'],
  ['no longer the same moment', { at: 1250 }, undefined],
  ['somebody else', { exclude: 'peer-8' }, '{}'],
  ['nobody in particular', { exclude: undefined }, '{}'],
  ['a peer that is in it', { exclude: 'peer-1' }, undefined],
  ['another limit', { limit: 31 }, undefined],
  ['changed books', { version: 8 }, undefined],
])('ready sample: for %s: %j gets %s', (_, asked, expected) => {
  expect(keeping().take('song-1', { ...QUESTION, ...asked })).toBe(expected)
})

test('ready sample: thirty-two askers get it, and the next one does not', () => {
  const samples = keeping()
  const bodies = Array.from({ length: 33 }, () => samples.take('song-1', QUESTION))
  expect(bodies.filter(body => body !== undefined)).toHaveLength(32)
})

test('ready sample: of sixty-four songs: the one drawn longest ago makes room', () => {
  const samples = keeping()
  for (let song = 2; song <= 65; song++) samples.keep(`song-${song}`, [SAMPLE], QUESTION)
  expect([samples.take('song-1', QUESTION), samples.take('song-2', QUESTION)]).toEqual([undefined, '{}'])
})

test('ready sample: of two drawn at once: asked in turns', () => {
  const samples = new ReadySamples()
  samples.keep('song-1', [SAMPLE, { ...SAMPLE, body: '[]' }], QUESTION)
  expect([1, 2, 3].map(() => samples.take('song-1', QUESTION))).toEqual(['{}', '[]', '{}'])
})
