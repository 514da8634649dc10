// How many others hold a chunk: as the tracker says, without the own copies, and for how long it is believed.
// Not what is done with it.
// Invariant: what nobody said is undefined, never zero.

import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { SwarmCopies } from './swarm-copies.ts'

const songId = parseSongId('song-1')
const silent = new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 'tracker', url: 'u', reason: 'ECONNREFUSED' } })

function newStage(answer: readonly number[] | EvaError) {
  const clock = fakeClock(0)
  const swarm = async () => {
    if (answer instanceof EvaError) throw answer
    return { availability: answer }
  }
  return { clock, copies: new SwarmCopies({ tracker: () => ({ swarm }), store: { heldChunks: () => [0, 2] }, clock }) }
}

describe('swarm copies', () => {
  it('the tracker counts all holders: the own copies are taken off, and the answer is believed for minutes', async () => {
    const { clock, copies } = newStage([3, 2, 1, 0])
    expect([copies.isAsked(songId), copies.copiesOf(songId)]).toEqual([false, undefined])
    await copies.ask(songId)
    expect([copies.isAsked(songId), copies.copiesOf(songId)]).toEqual([true, [2, 2, 0, 0]])
    clock.advance(5 * 60_000)
    expect([copies.isAsked(songId), copies.copiesOf(songId)]).toEqual([false, undefined])
  })

  it('a song that nobody holds as far as the tracker knows: no copies anywhere', async () => {
    const { copies } = newStage(new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } }))
    await copies.ask(songId)
    expect(copies.copiesOf(songId)).toEqual([])
  })

  it('a silent tracker: nothing is known, and it is not asked again at once', async () => {
    const { clock, copies } = newStage(silent)
    await copies.ask(songId)
    expect([copies.isAsked(songId), copies.copiesOf(songId)]).toEqual([true, undefined])
    clock.advance(30_000)
    expect(copies.isAsked(songId)).toBe(false)
  })

  it('no tracker to ask: nothing is known, and nobody waits for it', async () => {
    const copies = new SwarmCopies({ tracker: () => undefined, store: { heldChunks: () => [] }, clock: fakeClock(0) })
    await copies.ask(songId)
    expect([copies.isAsked(songId), copies.copiesOf(songId)]).toEqual([true, undefined])
  })
})
