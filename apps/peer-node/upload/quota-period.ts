// A quota of bytes per hour, day, week or month as people type it, and where its periods begin and end.
// Not what was used of it (upload-cap.ts), and not local time: a quota must not depend on where the machine thinks it is.
// Invariant: periods are those of the calendar in UTC, weeks begin on Monday, and every moment lies in exactly one.

import { MINUTE_MS } from '@evastream/core/units'
import { byteAmountOf } from '../byte-amount.ts'

const PERIOD_UNITS = ['hour', 'day', 'week', 'month'] as const
export type PeriodUnit = (typeof PERIOD_UNITS)[number]

export interface ByteQuota {
  readonly limitBytes: number
  readonly unit: PeriodUnit
}

/** From its first millisecond to the first of the next one, since 1970. */
export interface QuotaPeriod {
  readonly startsAtMs: number
  readonly endsAtMs: number
}

const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** 1970 began on a Thursday. */
const MONDAY_TO_1970_DAYS = 3

/** `5G/day` and the like. @returns undefined for anything else, an amount without a period included. */
export function byteQuotaOf(text: string): ByteQuota | undefined {
  const [amount = '', unit, ...rest] = text.split('/')
  const limitBytes = byteAmountOf(amount)
  const known = PERIOD_UNITS.find(one => one === unit?.toLowerCase())
  return limitBytes === undefined || known === undefined || rest.length > 0 ? undefined : { limitBytes, unit: known }
}

/** The period in which a moment lies. */
export function periodAt(unit: PeriodUnit, epochMs: number): QuotaPeriod {
  if (unit === 'month') return monthAt(new Date(epochMs))
  if (unit === 'hour') return stretchFrom(Math.floor(epochMs / HOUR_MS) * HOUR_MS, HOUR_MS)
  const day = Math.floor(epochMs / DAY_MS)
  if (unit === 'day') return stretchFrom(day * DAY_MS, DAY_MS)
  const daysSinceMonday = (day + MONDAY_TO_1970_DAYS) % 7
  return stretchFrom((day - daysSinceMonday) * DAY_MS, 7 * DAY_MS)
}

function monthAt(date: Date): QuotaPeriod {
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return { startsAtMs: Date.UTC(year, month, 1), endsAtMs: Date.UTC(year, month + 1, 1) }
}

function stretchFrom(startsAtMs: number, durationMs: number): QuotaPeriod {
  return { startsAtMs, endsAtMs: startsAtMs + durationMs }
}
