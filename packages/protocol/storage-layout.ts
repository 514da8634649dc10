// How a song lies in the origin's storage: what the preprocessor writes and the origin server reads.
// Not a file system: these are names below one root, a directory today and an object store's keys later.
// Invariant: `<songId>/chunk-<n>.bin` and at most one `<songId>/cover.<ext>`; names that begin with a dot are never a song.

import type { ChunkId } from '@evastream/core/ids'
import { MIB } from '@evastream/core/units'

export interface CoverType {
  /** The file's name in the song's directory. */
  readonly fileName: string
  readonly mimeType: string
}

/** The picture types every browser shows; no other is stored or served, SVG least of all: it can carry scripts. */
export const COVER_TYPES: readonly CoverType[] = Object.freeze([
  { fileName: 'cover.jpg', mimeType: 'image/jpeg' },
  { fileName: 'cover.png', mimeType: 'image/png' },
  { fileName: 'cover.webp', mimeType: 'image/webp' },
  { fileName: 'cover.gif', mimeType: 'image/gif' },
])

/** Larger pictures are scans for printing; a page would load them for every song in its list. */
export const COVER_SIZE_MAX_BYTES = 5 * MIB

/** How each type begins; undefined stands for any byte. */
const SIGNATURES: Readonly<Record<string, readonly (number | undefined)[]>> = {
  'image/jpeg': [0xff, 0xd8, 0xff],
  'image/png': [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  'image/webp': [0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x45, 0x42, 0x50],
  'image/gif': [0x47, 0x49, 0x46, 0x38],
}

/** What a picture is by its first bytes, whatever its tag or its sender claims; undefined for what is no cover. */
export function coverTypeOf(bytes: Uint8Array): CoverType | undefined {
  return COVER_TYPES.find(({ mimeType }) => begins(bytes, SIGNATURES[mimeType] ?? [undefined]))
}

function begins(bytes: Uint8Array, signature: readonly (number | undefined)[]): boolean {
  return bytes.length > signature.length && signature.every((byte, index) => byte === undefined || byte === bytes[index])
}

/** How the preprocessor's unfinished directories begin; no song id can. */
export const STAGING_PREFIX = '.staging-'

export function chunkFileName(chunkId: ChunkId): string {
  return `chunk-${chunkId}.bin`
}

const CHUNK_FILE_EXPRESSION = /^chunk-(0|[1-9][0-9]*)\.bin$/

export function isChunkFileName(name: string): boolean {
  return CHUNK_FILE_EXPRESSION.test(name)
}
