// Writes pixels as a PNG: eight bits per channel, red green blue, no transparency.
// Compression is zlib's; the only cleverness is choosing a line filter.
// Invariant: the file holds exactly one header, one data and one end chunk.

import { crc32, deflateSync } from 'node:zlib'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const bytesPerPixel = 3

/** `pixels` holds three bytes for each pixel, row by row. */
export function encodePng(pixels: Uint8Array, widthPixels: number, heightPixels: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(widthPixels, 0)
  header.writeUInt32BE(heightPixels, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const rowBytes = widthPixels * bytesPerPixel
  const rows = Array.from({ length: heightPixels }, (_, row) => filterRow(pixels, row * rowBytes, rowBytes))
  const data = deflateSync(Buffer.concat(rows), { level: 9 })
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

/** The filter whose bytes are smallest in sum: the usual guess at what compresses best. */
function filterRow(pixels: Uint8Array, start: number, rowBytes: number): Buffer {
  const candidates = predictors.map((predict, type) => {
    const row = Buffer.alloc(1 + rowBytes)
    row[0] = type
    let weight = 0
    for (let index = 0; index < rowBytes; index += 1) {
      const place = start + index
      const left = index < bytesPerPixel ? 0 : (pixels[place - bytesPerPixel] ?? 0)
      const up = pixels[place - rowBytes] ?? 0
      const corner = index < bytesPerPixel ? 0 : (pixels[place - rowBytes - bytesPerPixel] ?? 0)
      const rest = ((pixels[place] ?? 0) - predict(left, up, corner)) & 0xff
      row[1 + index] = rest
      weight += Math.min(rest, 256 - rest)
    }
    return { row, weight }
  })
  return candidates.reduce((best, candidate) => (candidate.weight < best.weight ? candidate : best)).row
}

type Predictor = (left: number, up: number, corner: number) => number

/** In the order of their numbers in the file: none, sub, up, average, Paeth. */
const predictors: readonly Predictor[] = [
  () => 0,
  left => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  (left, up, corner) => {
    const guess = left + up - corner
    const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
    if (toLeft <= toUp && toLeft <= toCorner) return left
    return toUp <= toCorner ? up : corner
  },
]

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, check])
}
