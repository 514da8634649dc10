// PCM to MP3: constant bit rate, joint stereo, by LAME compiled to WebAssembly.
// Samples are first rounded to 16 bits, so that the last bits of floating point cannot change the file.
// Invariant: the result is nothing but whole MPEG frames.

import { createMp3Encoder } from 'wasm-media-encoders'
import { type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

export const bitrateKbps = 160

const framesPerCall = 1_152 * 64

/** Encodes a whole buffer. */
export async function encodeMp3(buffer: StereoBuffer): Promise<Buffer> {
  const encoder = await createMp3Encoder()
  encoder.configure({ sampleRate: sampleRateHz, channels: 2, bitrate: bitrateKbps })
  const left = roundTo16Bits(buffer.left)
  const right = roundTo16Bits(buffer.right)
  const encoded: Buffer[] = []
  for (let start = 0; start < left.length; start += framesPerCall) {
    const end = start + framesPerCall
    // The encoder owns what it returns and overwrites it on the next call: copy.
    encoded.push(Buffer.from(encoder.encode([left.subarray(start, end), right.subarray(start, end)])))
  }
  encoded.push(Buffer.from(encoder.finalize()))
  return Buffer.concat(encoded)
}

function roundTo16Bits(channel: Float32Array): Float32Array {
  return channel.map(sample => Math.round(Math.max(-1, Math.min(1, sample)) * 32_767) / 32_768)
}
