// Checks the frame of a multipart answer by reading it back as RFC 2046 says.

import { expect, it } from 'vitest'
import { contentRangeOf, multipartFrame } from './multipart-ranges.ts'

const file = 'abcdefghijklmnopqrstuvwxyz'

it('multipart frame: two parts: a reader by RFC 2046 finds each with its range, and the length is exact', () => {
  const wished = [
    { firstByte: 20, lengthBytes: 6 },
    { firstByte: 0, lengthBytes: 3 },
  ]
  const frame = multipartFrame(wished, { sizeBytes: file.length, mimeType: 'audio/mpeg', boundary: 'edge-1' })
  const bytesOf = ({ firstByte, lengthBytes }: { firstByte: number; lengthBytes: number }) => file.slice(firstByte, firstByte + lengthBytes)
  const body = frame.parts.map(({ head, part }) => head + bytesOf(part)).join('') + frame.tail
  expect(frame.contentType).toBe('multipart/byteranges; boundary=edge-1')
  expect(frame.lengthBytes).toBe(body.length)
  const [preamble, ...sections] = `\r\n${body}`.split('\r\n--edge-1')
  expect(preamble).toBe('')
  expect(sections).toEqual([
    '\r\nContent-Type: audio/mpeg\r\nContent-Range: bytes 20-25/26\r\n\r\nuvwxyz',
    '\r\nContent-Type: audio/mpeg\r\nContent-Range: bytes 0-2/26\r\n\r\nabc',
    '--\r\n',
  ])
})

it('content range: the last byte of a file: names it by its place', () => {
  expect(contentRangeOf({ firstByte: 25, lengthBytes: 1 }, 26)).toBe('bytes 25-25/26')
})
