// Walks an MP3 file from end to end: the ID3v2 tag first, then one MPEG-1 Layer III frame after another.
// It reads headers, not music, and refuses everything this song does not use (other layers, free bit rate, trailing bytes).
// Invariant: on success every byte of the file belongs to the tag or to a frame.

import assert from 'node:assert/strict'

const bitratesKbps = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0] as const
const sampleRatesHz = [44_100, 48_000, 32_000, 0] as const
const samplesPerFrame = 1_152

export type FrameWalk = {
  readonly tagBytes: number
  readonly frameCount: number
  readonly bitratesKbps: ReadonlySet<number>
  readonly sampleRatesHz: ReadonlySet<number>
  readonly isStereo: boolean
  readonly durationSeconds: number
}

/** Reads every frame header; throws at the first byte that is not where a frame should be. */
export function walkFrames(file: Buffer): FrameWalk {
  const tagBytes = id3Bytes(file)
  const bitrates = new Set<number>()
  const sampleRates = new Set<number>()
  let [offset, frameCount, durationSeconds, isStereo] = [tagBytes, 0, 0, true]
  while (offset < file.length) {
    const frame = readHeader(file, offset)
    bitrates.add(frame.bitrateKbps)
    sampleRates.add(frame.sampleRateHz)
    isStereo &&= frame.isStereo
    durationSeconds += samplesPerFrame / frame.sampleRateHz
    frameCount += 1
    offset += frame.sizeBytes
  }
  assert.equal(offset, file.length, 'the last frame is cut off')
  return { tagBytes, frameCount, bitratesKbps: bitrates, sampleRatesHz: sampleRates, isStereo, durationSeconds }
}

/** The size of the tag with its header; its length is written in four bytes of seven bits. */
function id3Bytes(file: Buffer): number {
  if (file.toString('latin1', 0, 3) !== 'ID3') return 0
  return 10 + file.subarray(6, 10).reduce((size, byte) => size * 128 + byte, 0)
}

function readHeader(file: Buffer, offset: number) {
  assert(offset + 4 <= file.length, `half a header at byte ${offset}`)
  const header = file.readUInt32BE(offset)
  const isMpeg1Layer3 = header >>> 17 === 0b111_1111_1111_1101
  assert(isMpeg1Layer3, `no MPEG-1 Layer III frame at byte ${offset}`)
  const bitrateKbps = bitratesKbps[(header >>> 12) & 0xf] ?? 0
  const sampleRateHz = sampleRatesHz[(header >>> 10) & 0x3] ?? 0
  assert(bitrateKbps > 0 && sampleRateHz > 0, `reserved values in the header at byte ${offset}`)
  const paddingBytes = (header >>> 9) & 1
  const sizeBytes = Math.floor((144 * bitrateKbps * 1_000) / sampleRateHz) + paddingBytes
  return { bitrateKbps, sampleRateHz, sizeBytes, isStereo: ((header >>> 6) & 0x3) !== 0x3 }
}
