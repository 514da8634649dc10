// What a person reads of the origin's failures, on a clock that the test moves.
// Not the requests: download-coordinator.test.ts shows which outcomes are told here.
// Invariant: what is expected is the list of lines.

import { type ErrorCode, EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { MINUTE_MS } from '@evastream/core/units'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { describe, expect, it } from 'vitest'
import { OriginOutageLog } from './origin-outage-log.ts'

const songId = parseSongId('song-1')
const AGAIN = 'the origin answers again'
const HERE = 'the chunks that the origin lacked or sent wrong are here now'

function aLog() {
  const clock = fakeClock()
  const log = new RecordedLog()
  const outages = new OriginOutageLog({ clock, log })
  const fail = (code: ErrorCode, chunkId = 0) =>
    outages.failed(new EvaError(code, { details: { reason: 'ECONNREFUSED' } }), { songId, chunkId })
  /** Codes of warnings and texts of news, in order. */
  const told = () => log.lines.map(({ level, fields, message }) => (level === 'warn' && 'code' in fields ? fields.code : message))
  return { clock, log, outages, fail, told }
}

describe('origin outage log', () => {
  it('an origin that is down: one line with the message and the next step, and one when it answers', () => {
    const { log, outages, fail } = aLog()
    for (let chunkId = 0; chunkId < 5; chunkId++) fail('EVA_ORIGIN_UNREACHABLE', chunkId)
    outages.answered()
    outages.answered()
    const { message, nextStep } = new EvaError('EVA_ORIGIN_UNREACHABLE', { details: { reason: 'ECONNREFUSED' } })
    expect(log.lines).toEqual([
      { level: 'warn', fields: { code: 'EVA_ORIGIN_UNREACHABLE', nextStep }, message: `${message} ${nextStep}` },
      { level: 'info', fields: {}, message: AGAIN },
    ])
  })

  it('an outage that changes its kind: a line a kind, and one end', () => {
    const { outages, fail, told } = aLog()
    fail('EVA_ORIGIN_UNREACHABLE')
    fail('EVA_ORIGIN_TIMEOUT')
    fail('EVA_ORIGIN_UNREACHABLE')
    outages.answered()
    expect(told()).toEqual(['EVA_ORIGIN_UNREACHABLE', 'EVA_ORIGIN_TIMEOUT', AGAIN])
  })

  it('an origin that comes and goes: is told once a minute at most, and an outage that lasts is told in the end', () => {
    const { clock, outages, fail, told } = aLog()
    for (let round = 0; round < 10; round++) {
      fail('EVA_ORIGIN_OVERLOADED')
      outages.answered()
    }
    expect(told()).toEqual(['EVA_ORIGIN_OVERLOADED', AGAIN])
    fail('EVA_ORIGIN_OVERLOADED')
    clock.advance(MINUTE_MS)
    fail('EVA_ORIGIN_OVERLOADED')
    expect(told()).toEqual(['EVA_ORIGIN_OVERLOADED', AGAIN, 'EVA_ORIGIN_OVERLOADED'])
  })

  it.each(['EVA_ORIGIN_CHUNK_MISSING', 'EVA_ORIGIN_HASH_MISMATCH'] as const)(
    '%s: is told once a song, naming a chunk, and is over when all such chunks are stored, not when others come',
    code => {
      const { log, outages, fail, told } = aLog()
      fail(code, 3)
      fail(code, 4)
      outages.answered()
      outages.stored({ songId, chunkId: 3 })
      fail(code, 4)
      expect(told()).toEqual([code])
      expect(log.lines[0]?.fields).toMatchObject({ songId, chunkId: 3 })
      outages.stored({ songId, chunkId: 4 })
      expect(told()).toEqual([code, HERE])
    },
  )

  it('an origin that is back without the chunk: it is back, and lacks the chunk', () => {
    const { fail, told } = aLog()
    fail('EVA_ORIGIN_UNREACHABLE')
    fail('EVA_ORIGIN_CHUNK_MISSING')
    expect(told()).toEqual(['EVA_ORIGIN_UNREACHABLE', AGAIN, 'EVA_ORIGIN_CHUNK_MISSING'])
  })

  it('what this node cancelled itself: is no outage', () => {
    const { fail, told } = aLog()
    fail('EVA_CANCELLED')
    expect(told()).toEqual([])
  })
})
