// The head of an HTTP/1.1 answer as origins send it: its status, its headers, and how long its body is.
// Not a parser for whatever HTTP allows: what is out of the ordinary is left to Node's own client, which the caller has as well.
// Invariant: an answer whose end could be seen in two ways is never taken.

import { onlyValue, type ReplyHeaders } from './retry-after.ts'

export interface ReplyHead {
  readonly status: number
  readonly headers: ReplyHeaders
  /** Absent when the head does not tell it: the end is told in the body, or by the connection's. */
  readonly lengthBytes: number | undefined
  /** The connection may be used again. */
  readonly isKept: boolean
}

/** 1xx are not answers, and HTTP/1.0 keeps no connection. */
const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/
const STATUS_NO_CONTENT = 204

/** @returns undefined for what is no such head, or none that is sure. `text` ends before the empty line, and is Latin-1. */
export function parseReplyHead(text: string): ReplyHead | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const status = Number(STATUS_LINE.exec(first)?.[1])
  const headers = headersOf(lines)
  if (Number.isNaN(status) || headers === undefined) return undefined
  const length = headers['content-length']
  const isChunked = headers['transfer-encoding'] !== undefined
  if (length !== undefined && (isChunked || !/^\d{1,15}$/.test(onlyValue(length) ?? ''))) return undefined
  const lengthBytes = status === STATUS_NO_CONTENT ? 0 : length === undefined ? undefined : Number(length)
  const isKept = !/\bclose\b/i.test(String(headers.connection ?? ''))
  return { status, headers, lengthBytes, isKept }
}

function headersOf(lines: readonly string[]): Record<string, string | string[]> | undefined {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const line of lines) {
    const words = HEADER_LINE.exec(line)
    if (words === null) return undefined
    const [name, value] = [String(words[1]).toLowerCase(), String(words[2]).trim()]
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}
