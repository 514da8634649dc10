// A song as a file over HTTP while it may still be arriving: which bytes a request gets, under which headers, and the bytes themselves.
// Not the route (stream-routes.ts), and not where the bytes come from (song-reader.ts).
// Invariant: exactly as many bytes follow as the headers say, or the connection breaks; every one was verified.

import { Readable } from 'node:stream'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { Manifest } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import type { BytePart } from '@evastream/protocol/byte-ranges'
import { answerFor, type RequestConditions } from '@evastream/protocol/conditional-request'
import { contentRangeOf, type MultipartFrame, multipartFrame } from '@evastream/protocol/multipart-ranges'
import { contentKeyOf } from '../store/chunk-record.ts'

/** One connection's way into the song. */
export interface PartReader {
  read(positionBytes: number, lengthMaxBytes: number): Promise<Uint8Array>
  close(): void
}

export interface StreamReply {
  readonly status: 200 | 206 | 304
  readonly headers: Readonly<Record<string, string | number>>
  /** Undefined where no body follows. */
  readonly body: Readable | undefined
}

export interface StreamedSong {
  readonly manifest: Manifest
  /** Called once if a body follows. */
  openReader(positionBytes: number): PartReader
}

/** Ranges that one answer may have; who asks for more gets the whole song. */
const PARTS_MAX = 16
/** So much waits for a slow player. */
const BODY_BUFFER_BYTES = 256 * KIB
const DEFAULT_MIME_TYPE = 'application/octet-stream'

/** @throws EvaError `EVA_RANGE_NOT_SATISFIABLE`, or what opening a reader throws */
export function streamReply(song: StreamedSong, request: RequestConditions): StreamReply {
  const { manifest } = song
  const { fileSize, mimeType = DEFAULT_MIME_TYPE } = manifest
  const entityTag = entityTagOf(manifest)
  const answer = answerFor(request, { sizeBytes: fileSize, entityTag, partsMax: PARTS_MAX })
  const common = { etag: entityTag, 'accept-ranges': 'bytes', 'cache-control': 'no-cache' }
  switch (answer.kind) {
    case 'not-modified':
      return { status: 304, headers: common, body: undefined }
    case 'unsatisfiable':
      throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes: fileSize } })
    case 'whole': {
      const whole = { firstByte: 0, lengthBytes: fileSize }
      const headers = { ...common, 'content-type': mimeType, 'content-length': fileSize }
      return { status: 200, headers, body: request.method === 'HEAD' ? undefined : bodyOf(song, [{ head: '', part: whole }], '') }
    }
    case 'part': {
      const range = { 'content-range': contentRangeOf(answer, fileSize), 'content-length': answer.lengthBytes }
      return {
        status: 206,
        headers: { ...common, 'content-type': mimeType, ...range },
        body: bodyOf(song, [{ head: '', part: answer }], ''),
      }
    }
    case 'parts': {
      const boundary = `evastream-${entityTag.replace(/"/g, '')}`
      const frame = multipartFrame(answer.parts, { sizeBytes: fileSize, mimeType, boundary })
      const headers = { ...common, 'content-type': frame.contentType, 'content-length': frame.lengthBytes }
      return { status: 206, headers, body: bodyOf(song, frame.parts, frame.tail) }
    }
  }
}

/**
 * A reader is open from here on until the last byte was taken, the player left, or reading failed. Not `Readable.from`: destroying
 * that waits for the read under way, which waits for bytes that may never come.
 */
function bodyOf(song: StreamedSong, parts: MultipartFrame['parts'], tail: string): Readable {
  const reader = song.openReader(parts[0]?.part.firstByte ?? 0)
  const slices = slicesOf(reader, parts, tail)
  const body = new Readable({
    highWaterMark: BODY_BUFFER_BYTES,
    read() {
      void slices.next().then(
        ({ done, value }) => body.push(done === true ? null : value),
        thrown => body.destroy(toEvaError(thrown)),
      )
    },
    destroy(error, settled) {
      reader.close()
      settled(error)
    },
  })
  return body
}

async function* slicesOf(reader: PartReader, parts: MultipartFrame['parts'], tail: string) {
  for (const { head, part } of parts) {
    if (head !== '') yield Buffer.from(head, 'latin1')
    yield* bytesOf(reader, part)
  }
  if (tail !== '') yield Buffer.from(tail, 'latin1')
}

async function* bytesOf(reader: PartReader, { firstByte, lengthBytes }: BytePart) {
  for (let at = firstByte; at < firstByte + lengthBytes; ) {
    const bytes = await reader.read(at, firstByte + lengthBytes - at)
    yield bytes
    at += bytes.length
  }
}

const entityTags = new WeakMap<Manifest, string>()

/** Of the audio alone: an edited title does not make a player start over. */
function entityTagOf(manifest: Manifest): string {
  const known = entityTags.get(manifest) ?? `"${contentKeyOf(manifest).slice(0, 32)}"`
  entityTags.set(manifest, known)
  return known
}
