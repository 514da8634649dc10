// A song as a file over HTTP: which bytes a request gets, under which headers, and the bytes themselves in small slices.
// Not the route (player-routes.ts), and only for complete songs: playing what is still arriving comes with another issue.
// Invariant: exactly as many bytes follow as the headers say, or the connection breaks; every one was verified.

import { Readable } from 'node:stream'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import { answerFor, type RequestConditions } from '@evastream/protocol/conditional-request'
import { contentKeyOf } from './chunk-record.ts'

/** Where verified bytes come from. */
export interface RangeReader {
  readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>
}

export interface StreamReply {
  readonly status: 200 | 206 | 304
  readonly headers: Readonly<Record<string, string | number>>
  /** Undefined where no body follows. */
  readonly body: Readable | undefined
}

/** Read and sent at a time: little enough to wait for a slow player with, enough for a fast disk. */
const SLICE_BYTES = 256 * KIB

/** @throws EvaError `EVA_RANGE_NOT_SATISFIABLE` */
export function streamReply(reader: RangeReader, manifest: Manifest, request: RequestConditions): StreamReply {
  const sizeBytes = manifest.fileSize
  const entityTag = entityTagOf(manifest)
  const answer = answerFor(request, { sizeBytes, entityTag })
  const common = { etag: entityTag, 'accept-ranges': 'bytes', 'cache-control': 'no-cache' }
  if (answer.kind === 'not-modified') return { status: 304, headers: common, body: undefined }
  if (answer.kind === 'unsatisfiable') throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes } })
  const { firstByte, lengthBytes } = answer.kind === 'whole' ? { firstByte: 0, lengthBytes: sizeBytes } : answer
  const isPart = answer.kind === 'part'
  const headers = {
    ...common,
    'content-type': manifest.mimeType ?? 'application/octet-stream',
    'content-length': lengthBytes,
    ...(isPart ? { 'content-range': `bytes ${firstByte}-${firstByte + lengthBytes - 1}/${sizeBytes}` } : {}),
  }
  const body = request.method === 'HEAD' ? undefined : bytesOf(reader, manifest.id, { firstByte, lengthBytes })
  return { status: isPart ? 206 : 200, headers, body }
}

function bytesOf(reader: RangeReader, songId: SongId, range: { firstByte: number; lengthBytes: number }): Readable {
  async function* slices() {
    const endByte = range.firstByte + range.lengthBytes
    for (let at = range.firstByte; at < endByte; at += SLICE_BYTES)
      yield await reader.readRange(songId, at, Math.min(SLICE_BYTES, endByte - at))
  }
  return Readable.from(slices(), { objectMode: false, highWaterMark: SLICE_BYTES })
}

const entityTags = new WeakMap<Manifest, string>()

/** Of the audio alone: an edited title does not make a player start over. */
function entityTagOf(manifest: Manifest): string {
  const known = entityTags.get(manifest) ?? `"${contentKeyOf(manifest).slice(0, 32)}"`
  entityTags.set(manifest, known)
  return known
}
