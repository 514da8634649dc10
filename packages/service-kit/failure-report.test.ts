// Checks the one message a failed command leaves, and its exit code.

import { EvaError } from '@evastream/core/errors'
import { describe, expect, it } from 'vitest'
import { reportFailure } from './failure-report.ts'

describe('failure report', () => {
  it.each([
    ['EVA_USAGE', 2],
    ['EVA_CONFIG_INVALID', 2],
    ['EVA_PORT_TAKEN', 1],
    ['EVA_INTERNAL', 1],
  ] as const)('%s: exits with %d', (code, exitCode) => {
    expect(reportFailure(new EvaError(code)).exitCode).toBe(exitCode)
  })

  it('a known error: says what happened, what to do, and its code', () => {
    const error = new EvaError('EVA_PORT_TAKEN', { details: { port: 8081, holder: ' by node (process 7)', flag: '--port' } })
    expect(reportFailure(error, 'evastream metadata').text).toBe(
      'evastream metadata: Port 8081 is taken by node (process 7).\n' +
        'Stop what holds it, or choose another with --port (0 picks a free one). [EVA_PORT_TAKEN]\n',
    )
  })

  it('an unforeseen error: names its cause in one line, without a stack', () => {
    const { text } = reportFailure(new TypeError('x is not a function\n    at hostile (\u001b[2J)'))
    expect(text).toContain('x is not a function\\u000a    at hostile (\\u001b[2J)')
    expect(text.split('\n')).toHaveLength(3)
  })

  it('hostile text in a message: shows as escapes', () => {
    const { text } = reportFailure(new EvaError('EVA_USAGE', { details: { reason: 'The flag --\u001b[31m is not known.' } }))
    expect(text).toContain('--\\u001b[31m')
  })
})
