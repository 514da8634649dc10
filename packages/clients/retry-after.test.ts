import { describe, expect, it } from 'vitest'
import { retryAfterMsOf } from './retry-after.ts'

const date = 'Tue, 01 Dec 2026 12:00:00 GMT'

describe('retryAfterMsOf', () => {
  it.each([
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': ' 0 ' }, 0],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after': 'Tue, 01 Dec 2026 12:01:00 GMT', date }, 60_000],
    [{ 'retry-after': 'Tuesday, 01-Dec-26 12:00:30 GMT', date }, 30_000],
    [{ 'retry-after': 'Tue, 01 Dec 2026 11:00:00 GMT', date }, 0],
    [{ 'retry-after': '999999999' }, 24 * 3600 * 1000],
    [{ 'retry-after': 'Tue, 01 Dec 2099 12:00:00 GMT', date }, 24 * 3600 * 1000],
    [{ 'retry-after': 'Tue, 01 Dec 2026 12:01:00 GMT' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '1e9' }, undefined],
    [{ 'retry-after': 'soon', date }, undefined],
    [{ 'retry-after': '2026', date }, 2026_000],
    [{ 'retry-after': ['1', '2'] }, undefined],
    [{}, undefined],
  ])('%j: %s ms', (headers, expected) => {
    expect(retryAfterMsOf(headers)).toBe(expected)
  })
})
