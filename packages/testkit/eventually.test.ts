import { describe, expect, it } from 'vitest'
import { eventually } from './eventually.ts'

describe('eventually', () => {
  it('an attempt that fails at first: is tried again and its value given', async () => {
    let tries = 0
    const value = await eventually('the third try', () => {
      tries++
      expect(tries).toBeGreaterThan(2)
      return 'there'
    })
    expect({ value, tries }).toEqual({ value: 'there', tries: 3 })
  })

  it('undefined and false: mean not yet, while zero is an answer', async () => {
    const answers = [undefined, false, 0] as const
    let tries = 0
    expect(await eventually('an answer', () => answers[tries++], { intervalMs: 1 })).toBe(0)
  })

  it('an attempt that never succeeds: says what was waited for and why it failed', async () => {
    const failure = new RangeError('still nothing')
    const waiting = eventually('the impossible', () => Promise.reject(failure), { deadlineMs: 30, intervalMs: 1 })
    await expect(waiting).rejects.toMatchObject({ details: { reason: 'the impossible: not within 30 ms' }, cause: failure })
  })
})
