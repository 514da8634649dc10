// Where players look at the end of a file before they play its middle: tags and indexes that stand last.
// Not a demuxer: it knows just enough of each container to say from where on the tail is needed early.
// Invariant: a guess that is wrong costs a few blocks fetched early, never a wrong byte.

import { KIB } from '@evastream/core/units'

/** ID3v1: the last 128 bytes. */
const ID3V1_LENGTH_BYTES = 128
/** An Ogg page is at most 65,307 bytes long (RFC 3533); the last one tells how long the song is. */
const OGG_TAIL_BYTES = 64 * KIB
const MP4_BOX_HEAD_BYTES = 8
const MP4_LONG_BOX_HEAD_BYTES = 16

/**
 * From which byte on the tail is needed early; undefined when it is not.
 * @param head the file's first bytes, as many as are here: an MP4 file tells by its boxes (ISO/IEC 14496-12, section 4.2).
 */
export function tailStartOf(
  file: { readonly mimeType?: string | undefined; readonly fileSize: number },
  head: Uint8Array,
): number | undefined {
  const { mimeType = '', fileSize } = file
  if (/^audio\/(mpeg|mp3)\b/i.test(mimeType)) return Math.max(0, fileSize - ID3V1_LENGTH_BYTES)
  if (/^(audio|application)\/ogg\b|^audio\/opus\b/i.test(mimeType)) return Math.max(0, fileSize - OGG_TAIL_BYTES)
  if (/^(audio|video)\/(mp4|x-m4a|m4a|aac|quicktime)\b/i.test(mimeType)) return indexStartOf(head, fileSize)
  return undefined
}

/** The byte after an `mdat` that stands before `moov`. */
function indexStartOf(head: Uint8Array, fileSize: number): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  for (let at = 0; at + MP4_BOX_HEAD_BYTES <= head.length; ) {
    const isLong = view.getUint32(at) === 1
    if (isLong && at + MP4_LONG_BOX_HEAD_BYTES > head.length) return undefined
    const lengthBytes = isLong ? Number(view.getBigUint64(at + MP4_BOX_HEAD_BYTES)) : view.getUint32(at)
    const type = String.fromCharCode(...head.subarray(at + 4, at + 8))
    const endByte = at + lengthBytes
    if (type === 'moov' || lengthBytes < MP4_BOX_HEAD_BYTES) return undefined
    if (type === 'mdat') return endByte < fileSize ? endByte : undefined
    at = endByte
  }
  return undefined
}
