import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SPANS, TrafficHistory } from './traffic-history.ts'

const START = 1_800_000_000_000
let directory = ''
let path = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-history-'))
  path = join(directory, 'swarm.sqlite')
})
afterEach(async () => await rm(directory, { recursive: true }))

describe('traffic history', () => {
  it('what was recorded: is there after a restart, in every span', async () => {
    const first = await TrafficHistory.open(path)
    first.add({ atMs: START, serverBytes: 10, listenerBytes: 20, listeners: 3 })
    const secret = first.fact('secret', 'one')
    first.close()
    const second = await TrafficHistory.open(path)
    second.add({ atMs: START + 1, serverBytes: 1, listenerBytes: 2, listeners: 2 })
    for (const span of ['15m', '24h', '30d'] as const)
      expect(second.points(span, START + 2)).toMatchObject([{ serverBytes: 11, listenerBytes: 22, listeners: 3 }])
    expect(second.since(START - 600_000)).toEqual({ serverBytes: 11, listenerBytes: 22 })
    expect(second.fact('secret', 'two')).toBe(secret)
    second.close()
  })

  it('any record: every span keeps the sum of what lies within it', async () => {
    const history = await TrafficHistory.open(':memory:')
    const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 600_000 }), fc.integer({ min: 0, max: 1000 })), { maxLength: 30 })
    let atMs = START
    let from = START
    fc.assert(
      fc.property(gaps, flows => {
        from = atMs + SPANS['24h'].bucketMs * 2
        atMs = from
        let sum = 0
        for (const [gapMs, bytes] of flows) {
          atMs += gapMs
          history.add({ atMs, serverBytes: bytes, listenerBytes: 2 * bytes, listeners: 1 })
          sum += bytes
        }
        const { serverBytes, listenerBytes } = history.since(from - SPANS['24h'].bucketMs)
        expect([serverBytes, listenerBytes]).toEqual([sum, 2 * sum])
      }),
      { numRuns: 50 },
    )
    history.close()
  })

  it('a month of traffic: fits into some hundred rows a span', async () => {
    const history = await TrafficHistory.open(path)
    for (let minute = 0; minute < 40 * 24 * 60; minute += 20)
      history.add({ atMs: START + minute * 60_000, serverBytes: 1, listenerBytes: 1, listeners: 1 })
    const now = START + 40 * 24 * 3_600_000
    for (const [span, { spanMs, bucketMs }] of Object.entries(SPANS))
      expect(history.points(span as '15m', now).length).toBeLessThanOrEqual(spanMs / bucketMs + 1)
    expect(history.points('30d', now).length).toBeGreaterThan(350)
    for (const [span, { keptMs, bucketMs }] of Object.entries(SPANS))
      expect(history.points(span as '15m', START).length).toBeLessThanOrEqual(keptMs / bucketMs + 1)
    history.close()
    expect((await stat(path)).size).toBeLessThan(500_000)
  })
})
