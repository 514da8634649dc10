// Small audio files made by code: real frames and real tags, the same bytes on every machine for the same seed.
// Not an encoder: the frames decode to silence. Not music: the demo's song is composed elsewhere.
// Invariant: an MP3 of N bytes is exactly N bytes long, and differs in every frame, so that no two chunks are alike.

import { crc32, deflateSync } from 'node:zlib'
import { assert } from '@evastream/core/assert'
import { seededRandom } from '@evastream/core/random'
import { CHUNK_SIZE_MAX_BYTES, KIB } from '@evastream/core/units'

export interface AudioTags {
  readonly title?: string
  readonly artist?: string
  readonly album?: string
  readonly albumArtist?: string
  readonly trackNumber?: number
  readonly discNumber?: number
  readonly year?: number
  readonly genre?: string
  /** A PNG. */
  readonly cover?: Uint8Array
}

/** Sizes that users' songs have and tests forget. */
export const VARIED_SONGS = Object.freeze([
  { name: 'a song of one byte', fileSize: 1, chunkSize: 16 * KIB },
  { name: 'a song one byte short of a chunk', fileSize: 64 * KIB - 1, chunkSize: 64 * KIB },
  { name: 'a song of exactly one chunk', fileSize: 256 * KIB, chunkSize: 256 * KIB },
  { name: 'a song with a last chunk of one byte', fileSize: 3 * 64 * KIB + 1, chunkSize: 64 * KIB },
  { name: 'a song of exactly five chunks', fileSize: 5 * 32 * KIB, chunkSize: 32 * KIB },
  { name: 'a song in chunks that are no multiple of a block', fileSize: 7 * 50_001 + 12_345, chunkSize: 50_001 },
  { name: 'a song of 300 chunks', fileSize: 300 * 16 * KIB - 7, chunkSize: 16 * KIB },
  { name: 'a song in the largest chunks', fileSize: CHUNK_SIZE_MAX_BYTES + 100_000, chunkSize: CHUNK_SIZE_MAX_BYTES },
])

/** `lengthBytes` bytes that look random and are the same for the same seed. */
export function seededBytes(seed: number, lengthBytes: number): Uint8Array {
  const random = seededRandom(seed)
  const words = new Uint32Array(Math.ceil(lengthBytes / 4))
  for (let index = 0; index < words.length; index++) words[index] = random.below(0x1_0000_0000)
  return new Uint8Array(words.buffer, 0, lengthBytes)
}

/** MPEG 1 layer III, 128 kbit/s, 44.1 kHz, mono, no padding: 417 bytes and 1152 samples a frame. */
const FRAME_HEADER = Uint8Array.of(0xff, 0xfb, 0x90, 0xc4)
const FRAME_LENGTH_BYTES = 417
const FRAME_DURATION_MS = (1152 / 44_100) * 1000
const SIDE_INFO_LENGTH_BYTES = 17
const ID3V1_LENGTH_BYTES = 128
const ID3V2_HEADER_LENGTH_BYTES = 10

export interface Mp3Wish {
  readonly seed: number
  /** Exactly this many bytes; at least the tags and one frame must fit. */
  readonly sizeBytes: number
  readonly tags?: AudioTags
  /** An old ID3v1 tag of title and artist at the end, instead of an ID3v2.3 one at the beginning. */
  readonly isOldTag?: boolean
}

/** An MP3 that plays as silence. What frames leave over of the size is the padding of its ID3v2.3 tag. */
export function mp3Bytes({ seed, sizeBytes, tags = {}, isOldTag = false }: Mp3Wish): Uint8Array {
  const tagFrames = isOldTag ? new Uint8Array(0) : id3v2Frames(tags)
  const tail = isOldTag ? id3v1Tag(tags) : new Uint8Array(0)
  const roomBytes = sizeBytes - ID3V2_HEADER_LENGTH_BYTES - tagFrames.length - tail.length
  const frameCount = Math.floor(roomBytes / FRAME_LENGTH_BYTES)
  assert(frameCount >= 1, `an MP3 with these tags takes more than ${sizeBytes} bytes`)
  const paddingBytes = roomBytes - frameCount * FRAME_LENGTH_BYTES
  return joined([
    id3v2Header(tagFrames.length + paddingBytes),
    tagFrames,
    new Uint8Array(paddingBytes),
    silentFrames(seed, frameCount),
    tail,
  ])
}

/** How long an MP3 of `mp3Bytes` plays, by counting its frames. */
export function mp3DurationMs(mp3: Uint8Array): number {
  let position = ID3V2_HEADER_LENGTH_BYTES + readSynchsafe(mp3, 6)
  let frameCount = 0
  for (; mp3[position] === 0xff && position + FRAME_LENGTH_BYTES <= mp3.length; position += FRAME_LENGTH_BYTES) frameCount++
  return frameCount * FRAME_DURATION_MS
}

export interface WavWish {
  readonly seed: number
  readonly durationMs: number
  readonly tags?: AudioTags
}

const WAV_SAMPLE_RATE = 8000

/** A WAV of quiet noise, 8 kHz, 8 bit, mono, with an INFO list for its tags. */
export function wavBytes({ seed, durationMs, tags = {} }: WavWish): Uint8Array {
  const samples = seededBytes(seed, Math.round((durationMs / 1000) * WAV_SAMPLE_RATE)).map(byte => 124 + (byte & 7))
  const format = new DataView(new ArrayBuffer(16))
  format.setUint16(0, 1, true)
  format.setUint16(2, 1, true)
  format.setUint32(4, WAV_SAMPLE_RATE, true)
  format.setUint32(8, WAV_SAMPLE_RATE, true)
  format.setUint16(12, 1, true)
  format.setUint16(14, 8, true)
  const entries: readonly (readonly [string, string | number | undefined])[] = [
    ['INAM', tags.title],
    ['IART', tags.artist],
    ['IPRD', tags.album],
    ['IGNR', tags.genre],
    ['ICRD', tags.year],
  ]
  const info = entries.flatMap(([id, value]) => (value === undefined ? [] : [riffChunk(id, Buffer.from(`${value}\0`, 'latin1'))]))
  const list = info.length === 0 ? [] : [riffChunk('LIST', joined([ascii('INFO'), ...info]))]
  return riffChunk('RIFF', joined([ascii('WAVE'), riffChunk('fmt ', new Uint8Array(format.buffer)), ...list, riffChunk('data', samples)]))
}

/** A real PNG of seeded grey noise, `sidePixels` square. */
export function pngPicture(seed: number, sidePixels: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, sidePixels)
  header.setUint32(4, sidePixels)
  header.setUint8(8, 8)
  const rows = seededBytes(seed, sidePixels * (sidePixels + 1))
  // The first byte of each row names its filter: none.
  for (let row = 0; row < sidePixels; row++) rows[row * (sidePixels + 1)] = 0
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  return joined([
    signature,
    pngChunk('IHDR', new Uint8Array(header.buffer)),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', new Uint8Array(0)),
  ])
}

function silentFrames(seed: number, frameCount: number): Uint8Array {
  // Side information of zeros says "no samples"; decoders skip what follows as ancillary data. Without its top bit
  // that noise can never look like the start of a frame.
  const frames = seededBytes(seed, frameCount * FRAME_LENGTH_BYTES).map(byte => byte & 0x7f)
  for (let frame = 0; frame < frameCount; frame++) {
    const start = frame * FRAME_LENGTH_BYTES
    frames.set(FRAME_HEADER, start)
    frames.fill(0, start + FRAME_HEADER.length, start + FRAME_HEADER.length + SIDE_INFO_LENGTH_BYTES)
  }
  return frames
}

function id3v2Frames(tags: AudioTags): Uint8Array {
  const entries: readonly (readonly [string, string | number | undefined])[] = [
    ['TIT2', tags.title],
    ['TPE1', tags.artist],
    ['TALB', tags.album],
    ['TPE2', tags.albumArtist],
    ['TRCK', tags.trackNumber],
    ['TPOS', tags.discNumber],
    ['TYER', tags.year],
    ['TCON', tags.genre],
  ]
  const texts = entries.flatMap(([id, value]) => (value === undefined ? [] : [id3v2Frame(id, utf16Text(String(value)))]))
  const FRONT_COVER = 3
  const cover =
    tags.cover === undefined
      ? []
      : [id3v2Frame('APIC', joined([Uint8Array.of(0), ascii('image/png\0'), Uint8Array.of(FRONT_COVER, 0), tags.cover]))]
  return joined([...texts, ...cover])
}

function id3v2Frame(id: string, content: Uint8Array): Uint8Array {
  const size = new DataView(new ArrayBuffer(6))
  size.setUint32(0, content.length)
  return joined([ascii(id), new Uint8Array(size.buffer), content])
}

function utf16Text(text: string): Uint8Array {
  return joined([Uint8Array.of(1, 0xff, 0xfe), Buffer.from(text, 'utf16le')])
}

function id3v2Header(contentBytes: number): Uint8Array {
  return joined([ascii('ID3'), Uint8Array.of(3, 0, 0), synchsafe(contentBytes)])
}

function synchsafe(value: number): Uint8Array {
  return Uint8Array.of((value >> 21) & 0x7f, (value >> 14) & 0x7f, (value >> 7) & 0x7f, value & 0x7f)
}

function readSynchsafe(bytes: Uint8Array, position: number): number {
  return bytes.subarray(position, position + 4).reduce((value, byte) => (value << 7) | byte, 0)
}

function id3v1Tag(tags: AudioTags): Uint8Array {
  const tag = new Uint8Array(ID3V1_LENGTH_BYTES)
  tag.set(ascii('TAG'))
  tag.set(ascii((tags.title ?? '').slice(0, 30)), 3)
  tag.set(ascii((tags.artist ?? '').slice(0, 30)), 33)
  tag[127] = 255
  return tag
}

function riffChunk(id: string, content: Uint8Array): Uint8Array {
  const size = new DataView(new ArrayBuffer(4))
  size.setUint32(0, content.length, true)
  return joined([ascii(id), new Uint8Array(size.buffer), content, new Uint8Array(content.length & 1)])
}

function pngChunk(id: string, content: Uint8Array): Uint8Array {
  const body = joined([ascii(id), content])
  const frame = new DataView(new ArrayBuffer(8))
  frame.setUint32(0, content.length)
  frame.setUint32(4, crc32(body))
  return joined([new Uint8Array(frame.buffer, 0, 4), body, new Uint8Array(frame.buffer, 4, 4)])
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
