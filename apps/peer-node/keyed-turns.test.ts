// Turns by key: order within a key, freedom between keys.
// Not a test of timing: work is let go by hand.
// Invariant: each test says which work may have begun at a given moment.

import { EventEmitter, once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { KeyedTurns } from './keyed-turns.ts'

it('keyed turns: work on one key and on another: the first waits for its like only, also after a failure', async () => {
  const turns = new KeyedTurns<string>()
  const log: string[] = []
  const gate = new EventEmitter()
  const failing = turns.take('a', async () => {
    log.push('a1')
    await once(gate, 'open')
    throw new RangeError('a1')
  })
  const second = turns.take('a', async () => log.push('a2'))
  const other = turns.take('b', async () => log.push('b1'))
  await other
  await nextTurn()
  expect(log).toEqual(['a1', 'b1'])
  gate.emit('open')
  await expect(failing).rejects.toThrow('a1')
  await second
  await turns.idle()
  expect(log).toEqual(['a1', 'b1', 'a2'])
})
