// How a song lies in the origin's storage: what the preprocessor writes and the origin server reads.
// Not a file system: these are names below one root, a directory today and an object store's keys later.
// Invariant: `<songId>/chunk-<n>.bin` and at most one `<songId>/cover.<ext>`; names that begin with a dot are never a song.

import type { ChunkId } from '@evastream/core/ids'

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

/** How the preprocessor's unfinished directories begin; no song id can. */
export const STAGING_PREFIX = '.staging-'

export function chunkFileName(chunkId: ChunkId): string {
  return `chunk-${chunkId}.bin`
}

const CHUNK_FILE_EXPRESSION = /^chunk-(0|[1-9][0-9]*)\.bin$/

export function isChunkFileName(name: string): boolean {
  return CHUNK_FILE_EXPRESSION.test(name)
}
