// The metadata service's HTTP interface: songs' manifests and block hashes for readers, publishing and editing for operators.
// Not a cache, and not a judge of audio: who holds bytes compares them with these hashes.
// Invariant: a manifest that is handed out agrees with itself, is the song's that was asked for, and its block hashes have its length.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { blockHashesLengthBytes, type Manifest, parseManifest } from '@evastream/core/manifest'
import {
  type ListQuery,
  METADATA_PATH,
  type PublishBody,
  PublishedManifest,
  type SongEdit,
  SongList,
  SongSummary,
} from '@evastream/protocol/metadata-http'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import { onlyValue } from './retry-after.ts'
import { ServiceCaller, type ServiceCallOptions, type ServiceReply } from './service-call.ts'

export interface MetadataClientOptions extends ServiceCallOptions {
  /** The operator's; needed to publish, edit and delete. */
  readonly token?: string
}

/** `version` changes with every edit; handed back at the next look-up it saves sending the same manifest again. */
export type SongLookup =
  | { readonly kind: 'found'; readonly manifest: Manifest; readonly version: string | undefined }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'missing' }

const checks = { manifest: schemaCheck(PublishedManifest), summary: schemaCheck(SongSummary), list: schemaCheck(SongList) }

export class MetadataClient {
  readonly #caller: ServiceCaller
  readonly #token: string | undefined

  constructor(options: MetadataClientOptions) {
    this.#caller = new ServiceCaller('metadata service', options)
    this.#token = options.token
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND`, or a failed call's. */
  async getManifest(songId: SongId, signal?: AbortSignal): Promise<Manifest> {
    return this.#manifestIn(songId, await this.#caller.exchange({ method: 'GET', path: songPath(songId), signal }))
  }

  /** Whether the song exists, and what it is unless that is the `knownVersion`. */
  async lookUpSong(songId: SongId, knownVersion?: string, signal?: AbortSignal): Promise<SongLookup> {
    const headers = knownVersion === undefined ? {} : { 'if-none-match': knownVersion }
    try {
      const reply = await this.#caller.exchange({ method: 'GET', path: songPath(songId), headers, signal })
      if (reply.status === 304) return { kind: 'unchanged' }
      return { kind: 'found', manifest: this.#manifestIn(songId, reply), version: onlyValue(reply.headers.etag) }
    } catch (thrown) {
      if (toEvaError(thrown).code === 'EVA_SONG_NOT_FOUND') return { kind: 'missing' }
      throw thrown
    }
  }

  /** The manifest and the block hashes in one round trip. @throws as `getManifest` and `getBlockHashes` */
  async getSong(songId: SongId, signal?: AbortSignal): Promise<{ manifest: Manifest; blockHashes: Uint8Array | undefined }> {
    const blocks = this.#blockHashesOf(songId, signal).catch(toEvaError)
    const manifest = await this.getManifest(songId, signal)
    return { manifest, blockHashes: this.#fitting(manifest, await blocks) }
  }

  /** 32 bytes of SHA-256 a block, in order; undefined for a song that was published without. */
  async getBlockHashes(manifest: Manifest, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#fitting(manifest, await this.#blockHashesOf(manifest.id, signal).catch(toEvaError))
  }

  /** @throws EvaError `EVA_SONG_CONFLICT`, `EVA_MANIFEST_INVALID`, `EVA_TOKEN_REJECTED`, … */
  async publish(body: PublishBody, signal?: AbortSignal): Promise<'created' | 'unchanged'> {
    const reply = await this.#caller.exchange({ method: 'POST', path: METADATA_PATH, body, token: this.#token, signal })
    this.#summaryIn(parseSongId(body.id), reply)
    return reply.status === 201 ? 'created' : 'unchanged'
  }

  async listSongs(wanted: ListQuery = {}, signal?: AbortSignal): Promise<SongList> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(wanted)) if (value !== undefined) query.set(name, String(value))
    return this.#caller.json(checks.list, { method: 'GET', path: query.size === 0 ? METADATA_PATH : `${METADATA_PATH}?${query}`, signal })
  }

  async updateSong(songId: SongId, edit: SongEdit, signal?: AbortSignal): Promise<SongSummary> {
    const reply = await this.#caller.exchange({ method: 'PATCH', path: songPath(songId), body: edit, token: this.#token, signal })
    return this.#summaryIn(songId, reply)
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` when there is nothing to delete. */
  async deleteSong(songId: SongId, signal?: AbortSignal): Promise<void> {
    await this.#caller.exchange({ method: 'DELETE', path: songPath(songId), token: this.#token, signal })
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }

  async #blockHashesOf(songId: SongId, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const headers = { accept: 'application/octet-stream' }
    const reply = await this.#caller.exchange({ method: 'GET', path: `${songPath(songId)}/blocks`, headers, signal })
    return reply.bytes
  }

  #fitting(manifest: Manifest, blockHashes: Uint8Array | EvaError): Uint8Array | undefined {
    if (blockHashes instanceof EvaError) {
      if (blockHashes.code === 'EVA_NO_BLOCKS') return undefined
      throw blockHashes
    }
    const expectedBytes = blockHashesLengthBytes(manifest)
    if (blockHashes.length === expectedBytes) return blockHashes
    throw this.#caller.invalidReply(`the block hashes have ${blockHashes.length} bytes, not ${expectedBytes}`)
  }

  #summaryIn(songId: SongId, reply: ServiceReply): SongSummary {
    const summary = this.#caller.parse(checks.summary, reply)
    if (summary.id !== songId) throw this.#caller.invalidReply('it is about another song')
    return summary
  }

  #manifestIn(songId: SongId, reply: ServiceReply): Manifest {
    const candidate = this.#caller.parse(checks.manifest, reply)
    if (candidate.id !== songId) throw this.#caller.invalidReply('it is about another song')
    try {
      return parseManifest(candidate)
    } catch (thrown) {
      throw this.#caller.invalidReply(thrown instanceof EvaError ? thrown.message : 'the manifest contradicts itself', thrown)
    }
  }
}

function songPath(songId: SongId): string {
  return `${METADATA_PATH}/${encodeURIComponent(songId)}`
}
