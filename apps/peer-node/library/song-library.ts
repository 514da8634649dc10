// The songs of this node: opened from the metadata service or the cache, handed to the coordinator, and followed until complete.
// Not their bytes (chunk-store.ts) and not their fetching (download-coordinator.ts).
// Invariant: a song is open only when its manifest is known, its chunks found on disk are listed, and the coordinator has been told;
// whoever waits for it to be complete goes on only when every chunk of it was hashed in this process.

import { isDeepStrictEqual } from 'node:util'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { byteRateBytesPerSecond, type Manifest } from '@evastream/core/manifest'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import type { Interest } from '@evastream/engine/events'
import type { Timers } from '@evastream/service-kit/system-clock'
import type { AddedSong } from '../download-coordinator.ts'
import type { MetadataPort, NodeLog, PeerNetworkPort } from '../ports.ts'
import { RetryPace } from '../retry-pace.ts'
import { contentKeyOf } from '../store/chunk-record.ts'
import type { KnownSong, SongMarks } from '../store/manifest-cache.ts'
import { type LeftSong, resumeLibrary } from './library-resume.ts'

export interface SongLibraryDeps {
  readonly store: {
    openSong(manifest: Manifest): Promise<void>
    proveSong(songId: SongId, signal?: AbortSignal): Promise<void>
    heldChunks(songId: SongId): ChunkId[]
    heldCount(songId: SongId): number
  }
  readonly cache: {
    directories(): Promise<string[]>
    readIn(directoryName: string): Promise<KnownSong | undefined>
    read(songId: SongId): Promise<KnownSong | undefined>
    write(song: KnownSong): Promise<void>
    markWanted(songId: SongId): Promise<void>
    markPinned(songId: SongId, isPinned: boolean): Promise<void>
    marksOf(songId: SongId): Promise<SongMarks>
  }
  readonly metadata: MetadataPort
  readonly coordinator: { addSong(song: AddedSong): void; setInterest(songId: SongId, interest: Interest): void }
  readonly network: Pick<PeerNetworkPort, 'follow'>
  /** Somebody waits for a song that is not known here yet: its peers can be looked for meanwhile. */
  lookAhead(songId: SongId): void
  readonly timers: Pick<Timers, 'after'>
  readonly random: Random
  readonly log: NodeLog
  /** A song is open; these of its chunks are held. */
  opened(manifest: Manifest, heldChunkIds: readonly ChunkId[]): void
}

export interface SongStatus {
  readonly songId: SongId
  readonly chunkCount: number
  readonly chunksHeld: number
  readonly complete: boolean
}

interface OpenSong {
  readonly manifest: Manifest
  interest: Interest
  isPinned: boolean
  /** Who waits for the song to be complete. */
  readonly waiting: Set<() => void>
}

/** What is known already of a song that is to be opened. */
interface Known {
  /** Opened as that, without asking anybody. */
  readonly left?: LeftSong
  readonly found?: KnownSong | undefined
}

/** A known song is looked up afresh at most this long, then opened as it is known: the metadata service may be down. */
const REFRESH_TIMEOUT_MS = SECOND_MS

export class SongLibrary {
  readonly #deps: SongLibraryDeps
  readonly #songs = new Map<SongId, OpenSong>()
  readonly #opening = new Map<SongId, Promise<OpenSong>>()
  readonly #abort = new AbortController()
  readonly #background = new Set<Promise<void>>()

  constructor(deps: SongLibraryDeps) {
    this.#deps = deps
  }

  manifestOf(songId: SongId): Manifest | undefined {
    return this.#songs.get(songId)?.manifest
  }

  statusOf(songId: SongId): SongStatus | undefined {
    const song = this.#songs.get(songId)
    if (song === undefined) return undefined
    const { chunkCount } = song.manifest
    const chunksHeld = this.#deps.store.heldCount(songId)
    return { songId, chunkCount, chunksHeld, complete: chunksHeld === chunkCount }
  }

  isPinned(songId: SongId): boolean {
    return this.#songs.get(songId)?.isPinned === true
  }

  /** Pinned, or wanted whole: nothing of it makes room for others. */
  isKept(songId: SongId): boolean {
    const song = this.#songs.get(songId)
    return song !== undefined && (song.isPinned || song.interest === 'seed')
  }

  /** What all kept songs take, or will once they are whole. */
  keptBytes(): number {
    return [...this.#songs.values()].reduce((sum, { manifest }) => sum + (this.isKept(manifest.id) ? manifest.fileSize : 0), 0)
  }

  /** All open songs, in the order of their opening. */
  list(): SongStatus[] {
    return [...this.#songs.keys()].map(songId => this.statusOf(songId)).filter(status => status !== undefined)
  }

  /** Of all open songs, in the same order. */
  manifests(): Manifest[] {
    return [...this.#songs.values()].map(({ manifest }) => manifest)
  }

  /**
   * Makes the song known here, without fetching any of it. `found`: what the metadata service said of it just now.
   * @throws EvaError `EVA_SONG_NOT_FOUND`, a failed call's when neither the metadata service nor the cache knows it, or the storage's
   */
  async openSong(songId: SongId, found?: KnownSong): Promise<Manifest> {
    return (await this.#open(songId, { found })).manifest
  }

  /** What is here of a pinned song, and comes, stays; also after a restart. @throws as `openSong` */
  async pin(songId: SongId, isPinned: boolean): Promise<void> {
    const song = await this.#open(songId)
    await this.#deps.cache.markPinned(songId, isPinned)
    song.isPinned = isPinned
  }

  /** Fetches the whole song and keeps it whole from now on, also after a restart. @throws as `openSong` */
  async download(songId: SongId): Promise<void> {
    this.#want(await this.#open(songId))
    const failure = await this.#deps.cache.markWanted(songId).then(() => undefined, toEvaError)
    if (failure !== undefined)
      this.#deps.log.warn({ songId, code: failure.code }, `After a restart the song is not fetched by itself: ${failure.message}`)
  }

  /** As `download`, tried until it works or the library is closed; what cannot work is told once and given up. */
  seed(songId: SongId): void {
    void this.#inBackground(this.#seed(songId))
  }

  /** Opens what an earlier process left, and goes on fetching what was wanted. Resolves when that is done, well or badly. */
  resume(): Promise<void> {
    const { cache, log } = this.#deps
    const open = async (left: LeftSong) => {
      const opened = await this.#open(left.song.manifest.id, { left })
      if (left.marks.isWanted) this.#want(opened)
    }
    return this.#inBackground(
      resumeLibrary({ cache, log, open, lookUp: (song, signal) => this.#refresh(song, signal) }, this.#abort.signal),
    )
  }

  /** Resolves when every chunk of the song is held and was hashed in this process. @throws EvaError `EVA_CANCELLED` */
  async whenComplete(songId: SongId, signal: AbortSignal): Promise<void> {
    const song = await this.#open(songId)
    const either = AbortSignal.any([signal, this.#abort.signal])
    do {
      await this.#whenHeld(song, either)
      await this.#deps.store.proveSong(songId, either)
    } while (this.statusOf(songId)?.complete !== true)
  }

  /** To be told of every chunk that was stored. @returns the song's status. */
  chunkStored(songId: SongId): SongStatus | undefined {
    const status = this.statusOf(songId)
    if (status?.complete === true) {
      this.#deps.log.info({ songId, chunkCount: status.chunkCount }, 'the song is complete')
      this.#wakeAll(songId)
    }
    return status
  }

  async close(): Promise<void> {
    this.#abort.abort()
    for (const songId of this.#songs.keys()) this.#wakeAll(songId)
    await Promise.allSettled([...this.#background, ...this.#opening.values()])
  }

  async #whenHeld({ manifest, waiting }: OpenSong, signal: AbortSignal): Promise<void> {
    while (this.statusOf(manifest.id)?.complete !== true) {
      if (signal.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
      await new Promise<void>(resolve => {
        const done = () => {
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        waiting.add(done)
        signal.addEventListener('abort', done, { once: true })
      })
    }
  }

  #want(song: OpenSong): void {
    if (song.interest === 'seed') return
    song.interest = 'seed'
    this.#deps.coordinator.setInterest(song.manifest.id, 'seed')
  }

  async #seed(songId: SongId): Promise<void> {
    const pace = new RetryPace(this.#deps, { subject: `Fetching the song ${songId}` })
    while (!this.#abort.signal.aborted) {
      const failure = await this.download(songId).then(() => undefined, toEvaError)
      if (failure === undefined) {
        pace.succeeded()
        return
      }
      if (this.#abort.signal.aborted) return
      // A song that is not there yet may still be published; whatever else the caller got wrong stays wrong.
      if (!failure.retryable && failure.code !== 'EVA_SONG_NOT_FOUND') {
        this.#deps.log.error({ songId, code: failure.code, nextStep: failure.nextStep }, `The song is not fetched: ${failure.message}`)
        return
      }
      await pace.pause(pace.failed(failure), this.#abort.signal)
    }
  }

  #open(songId: SongId, known: Known = {}): Promise<OpenSong> {
    const present = this.#songs.get(songId)
    if (present !== undefined) return Promise.resolve(present)
    const opening = this.#opening.get(songId) ?? this.#openNow(songId, known).finally(() => this.#opening.delete(songId))
    this.#opening.set(songId, opening)
    return opening
  }

  async #openNow(songId: SongId, { left, found }: Known): Promise<OpenSong> {
    const { store, cache, coordinator, network } = this.#deps
    const { manifest, blockHashes } = left?.song ?? (await this.#know(songId, found))
    await store.openSong(manifest)
    const { isPinned } = left?.marks ?? (await cache.marksOf(songId))
    const song: OpenSong = { manifest, interest: 'idle', isPinned, waiting: new Set() }
    this.#songs.set(songId, song)
    const heldChunkIds = store.heldChunks(songId)
    const { fileSize, chunkSize, chunkCount } = manifest
    const shape = { fileSize, chunkSize, chunkCount }
    const rate = byteRateBytesPerSecond(manifest)
    const { chunks } = manifest
    coordinator.addSong({ songId, shape, blockHashes, chunks, byteRateBytesPerSecond: rate, heldChunkIds, interest: song.interest })
    network.follow(songId, shape)
    // Of many songs at a start one line tells.
    const level = left === undefined ? 'info' : 'debug'
    this.#deps.log[level]({ songId, chunkCount, chunksHeld: heldChunkIds.length }, 'a song is open')
    this.#deps.opened(manifest, heldChunkIds)
    return song
  }

  async #know(songId: SongId, found: KnownSong | undefined): Promise<KnownSong> {
    const cached = await this.#deps.cache.read(songId)
    if (cached === undefined) {
      this.#deps.lookAhead(songId)
      return this.#keep(found ?? (await this.#deps.metadata.getSong(songId, this.#abort.signal)))
    }
    return this.#refresh(cached, AbortSignal.timeout(REFRESH_TIMEOUT_MS)).catch(() => cached)
  }

  /** @throws EvaError when the metadata service cannot say what the song is now; that is told. */
  async #refresh(cached: KnownSong, signal: AbortSignal): Promise<KnownSong> {
    const songId = cached.manifest.id
    const fresh = await this.#askAgain(cached, signal).catch(toEvaError)
    if (fresh instanceof EvaError) {
      this.#deps.log.info({ songId, code: fresh.code }, `The song is opened as it was known before: ${fresh.message}`)
      throw fresh
    }
    if (contentKeyOf(fresh.manifest) !== contentKeyOf(cached.manifest))
      this.#deps.log.warn({ songId }, 'The song was published anew with other audio; what was stored of it is forgotten.')
    return fresh
  }

  /** Block hashes of the same audio are the same. */
  async #askAgain(cached: KnownSong, signal: AbortSignal): Promise<KnownSong> {
    const manifest = await this.#deps.metadata.getManifest(cached.manifest.id, signal)
    const isAllKnown = cached.blockHashes !== undefined && contentKeyOf(manifest) === contentKeyOf(cached.manifest)
    if (isAllKnown && isDeepStrictEqual(manifest, cached.manifest)) return cached
    return this.#keep({
      manifest,
      blockHashes: isAllKnown ? cached.blockHashes : await this.#deps.metadata.getBlockHashes(manifest, signal),
    })
  }

  async #keep(song: KnownSong): Promise<KnownSong> {
    const failure = await this.#deps.cache.write(song).then(() => undefined, toEvaError)
    if (failure !== undefined) {
      const { code, message } = failure
      this.#deps.log.warn({ songId: song.manifest.id, code }, `The manifest cannot be kept on disk: ${message}`)
    }
    return song
  }

  #wakeAll(songId: SongId): void {
    for (const wake of [...(this.#songs.get(songId)?.waiting ?? [])]) wake()
  }

  #inBackground(work: Promise<void>): Promise<void> {
    const tracked = work.catch(thrown => {
      const error = toEvaError(thrown)
      if (!this.#abort.signal.aborted) this.#deps.log.error({ code: error.code, err: thrown }, error.message)
    })
    this.#background.add(tracked)
    void tracked.finally(() => this.#background.delete(tracked))
    return tracked
  }
}
