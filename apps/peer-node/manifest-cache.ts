// The manifests and block hashes of the songs in the store, kept beside their audio, so that a song known once stays known.
// Not the metadata service's client, and not the judge of what a song is: what is read here was published there.
// Invariant: what is read back is what was written, checked against its own digest, or nothing.

import { hash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { blockHashesLengthBytes, type Manifest, parseManifest } from '@evastream/core/manifest'
import { HASH_SIZE_BYTES } from '@evastream/core/units'
import { lossless, toStorageError } from './storage-fault.ts'
import { type SongPaths, songPaths, songsDirectory } from './store-layout.ts'

/** All that must be known of a song to fetch, check and play it. */
export interface KnownSong {
  readonly manifest: Manifest
  /** 32 bytes a block, in order; undefined for a song that was published without. */
  readonly blockHashes: Uint8Array | undefined
}

interface ManifestFile {
  /** SHA-256 of the manifest's text below. */
  readonly digest: string
  readonly hasBlockHashes: boolean
  readonly manifest: string
}

export class ManifestCache {
  readonly #directory: string

  constructor(options: { readonly directory: string }) {
    this.#directory = options.directory
  }

  /** The songs that `read` will know, unless their files are spoiled. */
  async list(): Promise<SongId[]> {
    const names = await readdir(songsDirectory(this.#directory)).catch(() => [] as string[])
    const found = await Promise.all(names.map(name => this.#songIdIn(name)))
    return found.filter(songId => songId !== undefined)
  }

  async read(songId: SongId): Promise<KnownSong | undefined> {
    const paths = songPaths(this.#directory, songId)
    const file = await readManifestFile(paths.manifest)
    const manifest = file === undefined ? undefined : parseCached(file)
    if (file === undefined || manifest?.id !== songId) return undefined
    if (!file.hasBlockHashes) return { manifest, blockHashes: undefined }
    const blockHashes = await readBlockHashes(paths, blockHashesLengthBytes(manifest))
    return blockHashes === undefined ? undefined : { manifest, blockHashes }
  }

  /** @throws EvaError `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  async write({ manifest, blockHashes }: KnownSong): Promise<void> {
    const paths = songPaths(this.#directory, manifest.id)
    const text = JSON.stringify(manifest)
    const file: ManifestFile = { digest: hash('sha256', text), hasBlockHashes: blockHashes !== undefined, manifest: text }
    try {
      await mkdir(paths.directory, { recursive: true })
      if (blockHashes !== undefined) await replaceFile(paths.blockHashes, Buffer.concat([blockHashes, digestOf(blockHashes)]))
      await replaceFile(paths.manifest, JSON.stringify(file))
    } catch (error) {
      throw toStorageError(error)
    }
  }

  /** Notes that the whole song is wanted, for the next start. */
  async markWanted(songId: SongId): Promise<void> {
    await writeFile(songPaths(this.#directory, songId).wantedMark, '').catch(error => {
      throw toStorageError(error)
    })
  }

  async isWanted(songId: SongId): Promise<boolean> {
    return (await stat(songPaths(this.#directory, songId).wantedMark).catch(lossless)) !== undefined
  }

  async #songIdIn(directoryName: string): Promise<SongId | undefined> {
    const file = await readManifestFile(join(songsDirectory(this.#directory), directoryName, 'manifest.json'))
    const id = file === undefined ? undefined : parseCached(file)?.id
    return id !== undefined && songPaths(this.#directory, id).directory === join(songsDirectory(this.#directory), directoryName)
      ? id
      : undefined
  }
}

async function readManifestFile(path: string): Promise<ManifestFile | undefined> {
  const text = await readFile(path, 'utf8').catch(lossless)
  try {
    const file = JSON.parse(text ?? 'null') as Partial<ManifestFile> | null
    if (typeof file?.manifest !== 'string' || typeof file.hasBlockHashes !== 'boolean') return undefined
    return file.digest === hash('sha256', file.manifest) ? (file as ManifestFile) : undefined
  } catch {
    return undefined // Torn or spoiled: the song is asked for again.
  }
}

function parseCached(file: ManifestFile): Manifest | undefined {
  try {
    const candidate = JSON.parse(file.manifest) as Manifest
    parseSongId(candidate.id)
    return parseManifest(candidate)
  } catch {
    return undefined // Of another version of the program, maybe: the song is asked for again.
  }
}

async function readBlockHashes(paths: SongPaths, lengthBytes: number): Promise<Uint8Array | undefined> {
  const bytes = await readFile(paths.blockHashes).catch(lossless)
  if (bytes?.length !== lengthBytes + HASH_SIZE_BYTES) return undefined
  const blockHashes = bytes.subarray(0, lengthBytes)
  return digestOf(blockHashes).equals(bytes.subarray(lengthBytes)) ? blockHashes : undefined
}

async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content)
  await rename(`${path}.new`, path)
}

function digestOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}
