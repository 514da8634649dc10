// The frame of a 206 answer of several parts, `multipart/byteranges` (RFC 9110, section 14.6; RFC 2046, section 5.1.1).
// Not the parts' bytes: who sends them puts them between these heads.
// Invariant: the heads, the parts and the tail together are exactly `lengthBytes` long.

import type { BytePart } from './byte-ranges.ts'

export interface MultipartFrame {
  readonly contentType: string
  /** Of the whole body. */
  readonly lengthBytes: number
  readonly parts: readonly { readonly head: string; readonly part: BytePart }[]
  readonly tail: string
}

export interface MultipartFacts {
  readonly sizeBytes: number
  /** Of each part. */
  readonly mimeType: string
  /** Letters, digits and hyphens that the file does not hold after two hyphens; 70 characters at most. */
  readonly boundary: string
}

/** The lines around the parts. All of them are ASCII. */
export function multipartFrame(parts: readonly BytePart[], { sizeBytes, mimeType, boundary }: MultipartFacts): MultipartFrame {
  const framed = parts.map((part, index) => ({
    part,
    head: [
      `${index === 0 ? '' : '\r\n'}--${boundary}`,
      `Content-Type: ${mimeType}`,
      `Content-Range: ${contentRangeOf(part, sizeBytes)}`,
      '\r\n',
    ].join('\r\n'),
  }))
  const tail = `\r\n--${boundary}--\r\n`
  const lengthBytes = framed.reduce((sum, { head, part }) => sum + head.length + part.lengthBytes, tail.length)
  return { contentType: `multipart/byteranges; boundary=${boundary}`, lengthBytes, parts: framed, tail }
}

/** `bytes 0-99/1000` */
export function contentRangeOf({ firstByte, lengthBytes }: BytePart, sizeBytes: number): string {
  return `bytes ${firstByte}-${firstByte + lengthBytes - 1}/${sizeBytes}`
}
