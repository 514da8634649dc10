// Bounded work: how much runs at once, in which order it begins, and what a failure leaves.
// Not about what is done.
// Invariant: the observed maximum is the bound.

import { setImmediate as setImmediatePromise } from 'node:timers/promises'
import { EvaError } from '@evastream/core/errors'
import { describe, expect, it } from 'vitest'
import { forEachBounded } from './bounded-work.ts'

describe('bounded work', () => {
  it('ten things, three at once: all are done, begun in order, never more than three together', async () => {
    const begun: number[] = []
    let running = 0
    let runningMax = 0
    await forEachBounded(
      Array.from({ length: 10 }, (_, index) => index),
      3,
      async item => {
        begun.push(item)
        runningMax = Math.max(runningMax, ++running)
        await setImmediatePromise()
        running--
      },
    )
    expect([begun, runningMax]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3])
  })

  it('one fails: nothing more is begun, what runs is waited for, and the failure is thrown', async () => {
    const ended: number[] = []
    const work = forEachBounded([0, 1, 2, 3], 2, async item => {
      if (item === 0) throw new EvaError('EVA_STORAGE_FULL')
      await setImmediatePromise()
      ended.push(item)
    })
    await expect(work).rejects.toMatchObject({ code: 'EVA_STORAGE_FULL' })
    expect(ended).toEqual([1])
  })

  it('nothing to do: is done', async () => {
    await forEachBounded([], 4, async () => undefined)
  })
})
