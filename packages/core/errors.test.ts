import { describe, expect, test } from 'vitest'
import { assert } from './assert.ts'
import { ERROR_TABLE } from './error-table.ts'
import { EvaError, isErrorCode, toEvaError } from './errors.ts'

describe('EvaError', () => {
  test('message and next step are filled in from the details', () => {
    const error = new EvaError('EVA_PORT_TAKEN', { details: { port: 8081, holder: ' by node (pid 7)', flag: '--port' } })
    expect(error.message).toBe('Port 8081 is taken by node (pid 7).')
    expect(error.nextStep).toBe('Stop what holds it, or choose another with --port (0 picks a free one).')
    expect(error).toMatchObject({ httpStatus: 500, blames: 'caller', retryable: false, name: 'EvaError' })
  })

  test('details named like parts of Object do not leak into a message', () => {
    expect(new EvaError('EVA_USAGE', { details: {} }).message).toBe('{reason}')
  })

  test('the cause is kept', () => {
    const cause = new TypeError('inner')
    expect(new EvaError('EVA_INTERNAL', { cause }).cause).toBe(cause)
    expect(toEvaError(cause)).toMatchObject({ code: 'EVA_INTERNAL', cause })
  })

  test('an EvaError stays itself', () => {
    const error = new EvaError('EVA_USAGE')
    expect(toEvaError(error)).toBe(error)
  })

  test('a code is a code of the table, not a property every object has', () => {
    expect([isErrorCode('EVA_USAGE'), isErrorCode('toString'), isErrorCode('EVA_NOPE'), isErrorCode(7)]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  test.each(Object.entries(ERROR_TABLE))('%s: one sentence, a next step, an HTTP error status', (code, row) => {
    expect(code).toMatch(/^EVA(_[A-Z]+)+$/)
    expect(row.message).toMatch(/(\.|^\{reason\})$/)
    expect(row.nextStep).toMatch(/\.$/)
    expect(row.httpStatus).toBeGreaterThanOrEqual(400)
  })
})

describe('assert', () => {
  test('a broken invariant is our own error', () => {
    expect(() => assert(false, 'one is two')).toThrow(expect.objectContaining({ code: 'EVA_INTERNAL', cause: 'one is two' }))
    expect(() => assert(true, 'one is one')).not.toThrow()
  })
})
