import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseReplyHead } from './reply-head.ts'

const head = (...lines: string[]) => parseReplyHead(lines.join('\r\n'))

describe('the head of an answer', () => {
  it('reply head: status, headers and length: are read, names in lower case and values without their blanks', () => {
    const text = ['HTTP/1.1 206 Partial Content', 'Content-Length:  12 ', 'ETag: "a:b"', 'X-Empty:']
    expect(head(...text)).toEqual({
      status: 206,
      headers: { 'content-length': '12', etag: '"a:b"', 'x-empty': '' },
      lengthBytes: 12,
      isKept: true,
    })
  })

  it('reply head: a reason in any words, or none: is no matter', () => {
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 Très bien']) expect(head(line)?.status).toBe(200)
  })

  it('reply head: no length, or chunks: leaves the length open; 204 has none', () => {
    expect(head('HTTP/1.1 200 OK')?.lengthBytes).toBeUndefined()
    expect(head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')?.lengthBytes).toBeUndefined()
    expect(head('HTTP/1.1 204 No Content')?.lengthBytes).toBe(0)
  })

  it('reply head: a connection that is to be closed: is not kept', () => {
    expect(head('HTTP/1.1 200 OK', 'Connection: Close')?.isKept).toBe(false)
    expect(head('HTTP/1.1 200 OK', 'connection: keep-alive')?.isKept).toBe(true)
  })

  it('reply head: a header sent twice: has both values', () => {
    expect(head('HTTP/1.1 503 x', 'retry-after: 1', 'Retry-After: 2', 'retry-after: 3')?.headers['retry-after']).toEqual(['1', '2', '3'])
  })

  it.each([
    ['another protocol', ['SSH-2.0-OpenSSH_9.2']],
    ['HTTP/1.0', ['HTTP/1.0 200 OK']],
    ['what is no answer yet', ['HTTP/1.1 100 Continue']],
    ['a status that is none', ['HTTP/1.1 20 OK']],
    ['two lengths', ['HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 5']],
    ['a length and chunks', ['HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked']],
    ['a length that is no number', ['HTTP/1.1 200 OK', 'content-length: 5, 5']],
    ['a signed length', ['HTTP/1.1 200 OK', 'content-length: +5']],
    ['a folded line', ['HTTP/1.1 200 OK', 'x: a', ' b']],
    ['a blank before the colon', ['HTTP/1.1 200 OK', 'content-length : 5']],
    ['a line without a colon', ['HTTP/1.1 200 OK', 'content-length']],
    ['a bare line feed', ['HTTP/1.1 200 OK', 'x: a\ncontent-length: 5']],
    ['a zero byte', ['HTTP/1.1 200 OK', 'x: a\0']],
  ])('reply head: %s: is not taken', (_what, lines) => {
    expect(head(...lines)).toBeUndefined()
  })

  it('reply head: any text: is taken or not, and never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 40 })), lines => {
        const parsed = head('HTTP/1.1 200 OK', ...lines)
        expect(parsed === undefined || parsed.status === 200).toBe(true)
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})
