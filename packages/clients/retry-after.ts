// How long a server asks to be left alone, read from the headers of its reply.
// Not a decision to wait: the caller's backoff decides, and may cap it.
// Invariant: a time is measured against the reply's own Date header, so neither clock has to agree with the other.

import { SECOND_MS } from '@evastream/core/units'

const RETRY_AFTER_MAX_MS = 24 * 3600 * SECOND_MS

export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Milliseconds from `Retry-After` (seconds, or a date beside a `Date` header), at most a day; undefined when there is no sense in it. */
export function retryAfterMsOf(headers: ReplyHeaders): number | undefined {
  const value = onlyValue(headers['retry-after'])?.trim()
  if (value === undefined) return undefined
  const waitMs = /^\d{1,9}(\.\d{1,3})?$/.test(value) ? Number(value) * SECOND_MS : dateOf(value) - dateOf(onlyValue(headers.date) ?? '')
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, Math.ceil(waitMs)), RETRY_AFTER_MAX_MS) : undefined
}

/** A header's value where it was sent once; a header sent twice means nothing. */
export function onlyValue(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function dateOf(text: string): number {
  return /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) : Number.NaN
}
