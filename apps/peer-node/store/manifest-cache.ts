// The manifests and block hashes of the songs in the store, kept beside their audio, so that a song known once stays known.
// Not the metadata service's client, and not the judge of what a song is: what is read here was published there.
// Invariant: what is read back is what was written, checked against its own digest, or nothing.

import { hash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { blockHashesLengthBytes, type Manifest, parseManifest } from '@evastream/core/manifest'
import { HASH_SIZE_BYTES } from '@evastream/core/units'
import { lossless, toStorageError } from './storage-fault.ts'
import { MANIFEST_NAME, type SongPaths, songPaths, songsDirectory } from './store-layout.ts'

/** All that must be known of a song to fetch, check and play it. */
export interface KnownSong {
  readonly manifest: Manifest
  /** 32 bytes a block, in order; undefined for a song that was published without. */
  readonly blockHashes: Uint8Array | undefined
}

/** What the listener said of a song, to outlive restarts. */
export interface SongMarks {
  /** All of it is to be fetched and kept. */
  readonly isWanted: boolean
  /** What is here of it is to be kept. */
  readonly isPinned: boolean
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

  /** The directories in which `readIn` may find a song. */
  async directories(): Promise<string[]> {
    return readdir(songsDirectory(this.#directory)).catch(() => [] as string[])
  }

  /** The song that is kept in a directory; undefined when its files are spoiled or belong elsewhere. */
  async readIn(directoryName: string): Promise<KnownSong | undefined> {
    const file = await readManifestFile(join(songsDirectory(this.#directory), directoryName, MANIFEST_NAME))
    const manifest = file === undefined ? undefined : parseCached(file)
    if (file === undefined || manifest === undefined) return undefined
    const paths = songPaths(this.#directory, manifest.id)
    if (basename(paths.directory) !== directoryName) return undefined
    if (!file.hasBlockHashes) return { manifest, blockHashes: undefined }
    const blockHashes = await readBlockHashes(paths, blockHashesLengthBytes(manifest))
    return blockHashes === undefined ? undefined : { manifest, blockHashes }
  }

  async read(songId: SongId): Promise<KnownSong | undefined> {
    const song = await this.readIn(basename(songPaths(this.#directory, songId).directory))
    return song?.manifest.id === songId ? song : undefined
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

  /** Notes that the song is pinned, or not any more. @throws EvaError `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  async markPinned(songId: SongId, isPinned: boolean): Promise<void> {
    const { pinnedMark } = songPaths(this.#directory, songId)
    await (isPinned ? writeFile(pinnedMark, '') : rm(pinnedMark, { force: true })).catch(error => {
      throw toStorageError(error)
    })
  }

  async marksOf(songId: SongId): Promise<SongMarks> {
    const { wantedMark, pinnedMark } = songPaths(this.#directory, songId)
    const [wanted, pinned] = await Promise.all([stat(wantedMark).catch(lossless), stat(pinnedMark).catch(lossless)])
    return { isWanted: wanted !== undefined, isPinned: pinned !== undefined }
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
