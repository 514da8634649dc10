// What a publication says, checked and rendered, and how it compares with what is stored under its id.
// Not the storing: catalog.ts does that in one transaction.
// Invariant: a Publication agrees with itself, block hashes included.

import { EvaError } from '@evastream/core/errors'
import { blockHashesLengthBytes, type Manifest, parseManifest } from '@evastream/core/manifest'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { digestOf, type RenderedDocument, renderManifest } from './manifest-rendering.ts'

export interface Publication {
  readonly manifest: Manifest
  readonly rendered: RenderedDocument
  readonly blocks?: RenderedDocument
}

/** What is stored under the id, as far as the comparison needs it. */
export interface StoredPublication {
  readonly manifest: Manifest
  /** Of the manifest as it is now, and as it was first published. */
  readonly digests: readonly string[]
  readonly blocksDigest: string | undefined
}

/** @throws EvaError `EVA_MANIFEST_INVALID` naming the field, or `EVA_SONG_ID_INVALID` */
export function parsePublication(body: PublishBody): Publication {
  const { blockHashes, ...candidate } = body
  const manifest = parseManifest(candidate)
  const publication = { manifest, rendered: renderManifest(manifest) }
  return blockHashes === undefined ? publication : { ...publication, blocks: parseBlockHashes(blockHashes, manifest) }
}

/**
 * The first field in which a publication says something else than what is stored; undefined when it is the same again.
 * A publication without block hashes says nothing about them; one with them is another song than one stored without.
 */
export function firstDifference({ manifest, rendered, blocks }: Publication, stored: StoredPublication): string | undefined {
  if (!stored.digests.includes(rendered.digest)) return differingField(manifest, stored.manifest)
  return blocks === undefined || blocks.digest === stored.blocksDigest ? undefined : 'blockHashes'
}

function differingField(left: Manifest, right: Manifest): string {
  for (const field of ['fileSize', 'chunkSize', 'chunkCount'] as const) if (left[field] !== right[field]) return field
  const chunk = left.chunks.findIndex(({ hash }, index) => hash !== right.chunks[index]?.hash)
  if (chunk >= 0) return `chunks[${chunk}].hash`
  const fields = new Set([...Object.keys(left), ...Object.keys(right)]) as Set<keyof Manifest>
  return [...fields].find(field => field !== 'chunks' && left[field] !== right[field]) ?? 'title'
}

function parseBlockHashes(base64: string, manifest: Manifest): RenderedDocument {
  const expectedBytes = blockHashesLengthBytes(manifest)
  const bytes = Buffer.from(base64, 'base64')
  // Decoding passes over what is no base64; encoding again shows whether there was any.
  if (bytes.toString('base64') !== base64) throw unfit('it is base64 with padding and without line breaks')
  if (bytes.length !== expectedBytes)
    throw unfit(`a song of this shape has ${expectedBytes} bytes of block hashes (32 a block), not ${bytes.length}`)
  return { body: bytes, digest: digestOf(bytes) }
}

function unfit(reason: string): EvaError {
  return new EvaError('EVA_MANIFEST_INVALID', { details: { field: 'blockHashes', reason } })
}
