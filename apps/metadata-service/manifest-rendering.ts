// A manifest as the bytes that are served, with the tag that names them.
// Not the checks: what is rendered was parsed before.
// Invariant: the same manifest gives the same bytes, whatever order its fields came in.

import { createHash } from 'node:crypto'
import type { Manifest } from '@evastream/core/manifest'

export interface RenderedDocument {
  readonly body: Buffer
  readonly digest: string
}

/** Fields in the order that people read them; absent ones are left out. */
export function renderManifest(manifest: Manifest): RenderedDocument {
  const { id, title, artist, album, albumArtist, trackNumber, discNumber, year, genre, durationMs, mimeType, coverHash } = manifest
  const description = { id, title, artist, album, albumArtist, trackNumber, discNumber, year, genre, durationMs, mimeType, coverHash }
  const { fileSize, chunkSize, chunkCount } = manifest
  const chunks = manifest.chunks.map(({ chunkId, hash }) => ({ chunkId, hash }))
  const body = Buffer.from(JSON.stringify({ ...description, fileSize, chunkSize, chunkCount, chunks }))
  return { body, digest: digestOf(body) }
}

/** SHA-256 as base64url: short enough for an entity tag. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
