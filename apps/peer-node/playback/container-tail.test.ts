// Checks from where on the end of a file is needed early, for each container.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tailStartOf } from './container-tail.ts'

const NO_HEAD = new Uint8Array(0)

function box(type: string, lengthBytes: number, bodyBytes = lengthBytes - 8): Buffer {
  const bytes = Buffer.alloc(8 + bodyBytes)
  bytes.writeUInt32BE(lengthBytes, 0)
  bytes.write(type, 4, 'latin1')
  return bytes
}

function longBox(type: string, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(1, 0)
  bytes.write(type, 4, 'latin1')
  bytes.writeBigUInt64BE(BigInt(lengthBytes), 8)
  return bytes
}

describe('the tail of a file', () => {
  it.each([
    ['audio/mpeg', 4_000_000, 3_999_872],
    ['audio/mpeg; charset=binary', 1000, 872],
    ['audio/mpeg', 100, 0],
    ['audio/ogg', 1_000_000, 934_464],
    ['audio/ogg', 10, 0],
  ])('of %s with %i bytes: begins at %i', (mimeType, fileSize, start) => {
    expect(tailStartOf({ mimeType, fileSize }, NO_HEAD)).toBe(start)
  })

  it.each(['audio/flac', 'audio/wav', 'text/plain', undefined])('of %s: is not needed', mimeType => {
    expect(tailStartOf({ mimeType, fileSize: 1_000_000 }, NO_HEAD)).toBeUndefined()
  })

  const mp4 = (head: Uint8Array, fileSize = 1_000_000) => tailStartOf({ mimeType: 'audio/mp4', fileSize }, head)

  it('of an MP4 file whose index stands last: begins after the audio', () => {
    expect(mp4(Buffer.concat([box('ftyp', 24), box('free', 8), box('mdat', 900_000, 100)]))).toBe(900_032)
    expect(mp4(Buffer.concat([box('ftyp', 24), longBox('mdat', 900_000)]))).toBe(900_024)
  })

  it('of an MP4 file whose index stands first, or whose audio goes to the end: is not needed', () => {
    expect(mp4(Buffer.concat([box('ftyp', 24), box('moov', 5000, 100), box('mdat', 900_000, 0)]))).toBeUndefined()
    expect(mp4(Buffer.concat([box('ftyp', 24), box('mdat', 999_976, 0)]))).toBeUndefined()
    expect(mp4(Buffer.concat([box('ftyp', 24), box('mdat', 0, 0)]))).toBeUndefined()
  })

  it('of an MP4 file of whose boxes too little is here: is not known', () => {
    expect(mp4(NO_HEAD)).toBeUndefined()
    expect(mp4(box('ftyp', 24).subarray(0, 6))).toBeUndefined()
    expect(mp4(Buffer.concat([box('ftyp', 24), longBox('mdat', 900_000).subarray(0, 12)]))).toBeUndefined()
  })

  it('of any bytes that say they are MP4: is inside the file or not known, and is found in finite time', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 100_000 }), (head, fileSize) => {
        const start = mp4(head, fileSize)
        expect(start === undefined || (start > 0 && start < fileSize)).toBe(true)
      }),
    )
  })
})
