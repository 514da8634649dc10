// What a file says of itself: title, artist, duration, kind of audio and cover, by the music-metadata library.
// Not a judge of what may be published: a file that is no audio has no tags and is published under its name.
// Invariant: nothing is invented, texts and numbers fit the metadata service's schema, and at most READ_MAX_BYTES are read.

import { basename, parse as parsePath } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { SongDescription } from '@evastream/core/manifest'
import { MIB, SECOND_MS } from '@evastream/core/units'
import { TEXT_LENGTH_MAX } from '@evastream/protocol/metadata-http'
import { type IAudioMetadata, parseFromTokenizer, selectCover } from 'music-metadata'
import { type FileTokenizer, fromFile } from 'strtok3'
import { type CoverPicture, judgeCover } from './cover-picture.ts'

export interface SongTags {
  /** Without `coverHash`; the title is the file's name when no tag gives one. */
  readonly description: SongDescription
  readonly cover?: CoverPicture
  /** Whether the file was understood; what was not has no tags and is titled by its name. */
  readonly isAudio: boolean
  /** For people: what was not understood, or left out. */
  readonly notes: readonly string[]
}

/** Past the largest sensible cover. Frames are counted by their headers alone, so this is enough for a song of any length. */
const READ_MAX_BYTES = 32 * MIB

/** The metadata service takes no longer one. */
const DURATION_MAX_MS = 366 * 24 * 60 * 60 * SECOND_MS

/** Three times what MP3 and AAC files of two channels have at the most; room for a large tag in a short song. */
const MPEG_RATE_MAX_BYTES_PER_SECOND = 200_000

/** By the names that music-metadata gives to containers. */
const MIME_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^MPEG$/, 'audio/mpeg'],
  [/^ADTS/, 'audio/aac'],
  [/^FLAC$/, 'audio/flac'],
  [/^Ogg$/i, 'audio/ogg'],
  [/^WAVE$/, 'audio/wav'],
  [/^AIFF/, 'audio/aiff'],
  [/webm/i, 'audio/webm'],
  [/matroska/i, 'audio/x-matroska'],
  [/^(M4A|M4B|mp4|isom|iso\d|dash|3gp|qt|avc1)|MPEG-4/i, 'audio/mp4'],
  [/^ASF/, 'audio/x-ms-wma'],
]

/** @throws EvaError `EVA_CANCELLED`; whatever the file holds is no error. */
export async function readTags(path: string, signal?: AbortSignal): Promise<SongTags> {
  const nameTitle = cleanText(parsePath(basename(path)).name) ?? 'Untitled'
  const metadata = await understand(path, signal)
  if (metadata === undefined)
    return { description: { title: nameTitle }, isAudio: false, notes: ['this is no audio file that is known here'] }
  const picture = selectCover(metadata.common.picture)
  const outcome = picture === null ? undefined : judgeCover(picture.data)
  return {
    description: describe(metadata, nameTitle),
    isAudio: true,
    ...(outcome?.kind === 'cover' ? { cover: outcome.cover } : {}),
    notes: outcome?.kind === 'skipped' ? [outcome.reason] : [],
  }
}

/** First as its name says, then, if that makes no sense, as its first bytes say. */
async function understand(path: string, signal: AbortSignal | undefined): Promise<IAudioMetadata | undefined> {
  for (const trustsName of [true, false]) {
    const tokenizer = await boundedTokenizer(path, signal)
    const { size } = tokenizer.fileInfo
    if (!trustsName) tokenizer.fileInfo = { size }
    try {
      const metadata = await parseFromTokenizer(tokenizer, { duration: true })
      if (isAudio(metadata, size)) return metadata
    } catch (thrown) {
      if (signal?.aborted) throw new EvaError('EVA_CANCELLED', { cause: thrown })
      // The parser dislikes the bytes; that is its answer, and the file is published all the same.
    } finally {
      await tokenizer.close()
    }
  }
  return undefined
}

/** A search for frames in a file that has none, or a picture as large as the file, would read all of it: this stops it. */
async function boundedTokenizer(path: string, signal: AbortSignal | undefined): Promise<FileTokenizer> {
  const tokenizer = await fromFile(path, { maxBufferSize: READ_MAX_BYTES, regularFileOnly: true })
  let readBytes = 0
  const spend = (sizeBytes: number): void => {
    signal?.throwIfAborted()
    readBytes += sizeBytes
    if (readBytes > READ_MAX_BYTES) throw new EvaError('EVA_INTERNAL', { cause: 'the tags are not near the beginning or the end' })
  }
  const { readBuffer, peekBuffer } = tokenizer
  tokenizer.readBuffer = async (bytes, options) => {
    spend(options?.length ?? bytes.length)
    return readBuffer.call(tokenizer, bytes, options)
  }
  tokenizer.peekBuffer = async (bytes, options) => {
    spend(options?.length ?? bytes.length)
    return peekBuffer.call(tokenizer, bytes, options)
  }
  return tokenizer
}

function isAudio({ format, common }: IAudioMetadata, sizeBytes: number): boolean {
  const { container, codec, duration } = format
  if (container === undefined || codec === undefined || !(duration !== undefined && duration > 0)) return false
  if (container !== 'MPEG' && !container.startsWith('ADTS')) return true
  // Any noise holds a few bytes that look like a frame of these two; only a song has enough of them for its size.
  const pictureBytes = (common.picture ?? []).reduce((sum, picture) => sum + picture.data.length, 0)
  return (sizeBytes - pictureBytes) / duration < MPEG_RATE_MAX_BYTES_PER_SECOND
}

function describe({ common, format }: IAudioMetadata, nameTitle: string): SongDescription {
  const candidates = {
    artist: cleanText(common.artist),
    album: cleanText(common.album),
    albumArtist: cleanText(common.albumartist),
    trackNumber: wholeNumber(common.track.no, 99_999),
    discNumber: wholeNumber(common.disk.no, 9_999),
    year: wholeNumber(common.year, 9_999),
    genre: cleanText(common.genre?.join(', ')),
    durationMs: wholeNumber(Math.round((format.duration ?? 0) * SECOND_MS), DURATION_MAX_MS),
    mimeType: mimeTypeOf(format),
  }
  const known = Object.fromEntries(Object.entries(candidates).filter(([, value]) => value !== undefined))
  return { title: cleanText(common.title) ?? nameTitle, ...known }
}

function mimeTypeOf({ container = '', hasVideo }: IAudioMetadata['format']): string | undefined {
  const mimeType = MIME_TYPES.find(([expression]) => expression.test(container))?.[1]
  return hasVideo === true ? mimeType?.replace(/^audio/, 'video') : mimeType
}

/** Text without control characters and lone surrogates, on one line, of a bounded length; undefined if nothing is left. */
export function cleanText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const wellFormed = Buffer.from(text).toString()
  const line = wellFormed.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  const short = Array.from(line).slice(0, TEXT_LENGTH_MAX).join('').trim()
  return short === '' ? undefined : short
}

/** Tags say 0 for "unknown". */
function wholeNumber(value: number | null | undefined, max: number): number | undefined {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= max ? (value as number) : undefined
}
