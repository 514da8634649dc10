// Checks where log lines go and that nothing a stranger wrote in them can harm.

import { describe, expect, it } from 'vitest'
import { createLogger, type LogStreams, moveLogToStdout } from './logger.ts'

function streams(isTTY = false) {
  const written = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr') => ({
    isTTY,
    write: (text: string) => {
      written[name] += text
    },
  })
  const given: LogStreams = { stdout: into('stdout'), stderr: into('stderr') }
  return { written, given }
}

describe('logger', () => {
  it('without a terminal: a line: is one JSON object on stderr that names the service', () => {
    const { written, given } = streams()
    createLogger({ name: 'metadata' }, given).info({ songs: 3 }, 'open')
    expect(written.stdout).toBe('')
    expect(written.stderr.endsWith('\n')).toBe(true)
    expect(JSON.parse(written.stderr)).toMatchObject({
      service: 'metadata',
      level: 'info',
      songs: 3,
      msg: 'open',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  it('with --json: before and after the ready line: goes to stderr, then to stdout', () => {
    const { written, given } = streams()
    const logger = createLogger({ name: 'metadata', json: true }, given)
    logger.info('early')
    moveLogToStdout(logger)
    logger.child({ part: 'x' }).info('late')
    expect(written.stderr).toContain('early')
    expect(written.stderr).not.toContain('late')
    expect(JSON.parse(written.stdout)).toMatchObject({ msg: 'late', part: 'x' })
  })

  it('without --json: after the ready line: stays on stderr', () => {
    const { written, given } = streams()
    const logger = createLogger({ name: 'metadata' }, given)
    moveLogToStdout(logger)
    logger.info('late')
    expect(written.stdout).toBe('')
    expect(written.stderr).toContain('late')
  })

  it('a level: below the wanted one: is not written', () => {
    const { written, given } = streams()
    createLogger({ name: 'metadata', level: 'warn' }, given).info('chatter')
    expect(written.stderr).toBe('')
  })

  it('on a terminal: hostile text in message, field and error: shows as escapes on its own line', () => {
    const { written, given } = streams(true)
    const hostile = 'x\u001b[2J\u009b31m\nINFO: forged\u202e'
    createLogger({ name: 'metadata' }, given).warn({ title: hostile, err: new TypeError(hostile) }, hostile)
    const ownColours = written.stderr.replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
    expect(ownColours).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u)
    expect(ownColours).toContain('\\u001b[2J')
    expect(ownColours).not.toMatch(/^INFO: forged/m)
  })

  it('as JSON: a one-byte CSI and an override: are escaped and mean the same', () => {
    const { written, given } = streams()
    createLogger({ name: 'metadata' }, given).info({ title: '\u009b\u202e' }, 'x')
    expect(written.stderr).not.toMatch(/[\u009b\u202e]/)
    expect(JSON.parse(written.stderr)).toMatchObject({ title: '\u009b\u202e' })
  })

  it('secrets: a token or authorization field: are never written', () => {
    const { written, given } = streams()
    createLogger({ name: 'metadata' }, given).info(
      { token: 'hush-1', headers: { authorization: 'Bearer hush-2' }, config: { token: 'hush-3' } },
      'x',
    )
    expect(written.stderr).not.toContain('hush')
  })
})
