// Keeps the store within `--cache-size`: counts the room its files take, and makes room by giving up what is least worth keeping.
// Not the choice (the engine's cache-eviction.ts), and not the giving up itself (the store's).
// Invariant: files never take more than the limit and one extent; when nothing may go, whoever wants room is told that the disk is full.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { type CachedExtent, type CachedSong, nextVictim, type Victim } from '@evastream/engine/chunks/cache-eviction'
import { defaultEngineConfig } from '@evastream/engine/config'
import { forEachBounded } from '../bounded-work.ts'
import type { NodeLog } from '../ports.ts'
import type { SwarmCopies } from '../tracker/swarm-copies.ts'
import type { RecentSongs } from './recent-songs.ts'
import type { StorageRoom } from './song-extents.ts'

export interface CacheKeeperDeps {
  readonly store: {
    openSongs(): readonly Manifest[]
    evictable(songId: SongId): readonly CachedExtent[]
    /** @returns false when it is in use after all. @throws EvaError `EVA_STORAGE_FAILED` */
    evict(songId: SongId, extent: number): Promise<boolean>
    countStrays(): Promise<void>
    removeStray(): Promise<boolean>
  }
  readonly library: { isKept(songId: SongId): boolean; keptBytes(): number }
  readonly playback: { readonly playingSongIds: readonly SongId[]; positionsOf(songId: SongId): readonly number[] }
  /** The songs to come: the next few are being fetched, and would only be fetched again. */
  readonly queue: { readonly songIds: readonly SongId[] }
  readonly recent: Pick<RecentSongs, 'inOrder' | 'retain'>
  readonly copies: Pick<SwarmCopies, 'isAsked' | 'copiesOf' | 'ask'>
  readonly log: NodeLog
}

export interface CacheKeeperOptions {
  /** 0: no limit. */
  readonly limitBytes: number
}

/** Of the queue: as many as are fetched ahead of their turn. */
const NEXT_SONGS = 1 + defaultEngineConfig.queueSongsAhead
/** Songs that the tracker is asked about together, when one of them is to go. */
const ASKED_AT_ONCE = 8

export class CacheKeeper implements StorageRoom {
  readonly #deps: CacheKeeperDeps
  readonly #limitBytes: number
  readonly #begun: Promise<void>
  #begin: () => void = () => undefined
  #usedBytes = 0
  #making: Promise<void> | undefined
  #isClosed = false
  /** It was told that nothing may go, and nothing went since. */
  #isStuck = false

  constructor(deps: CacheKeeperDeps, options: CacheKeeperOptions) {
    this.#deps = deps
    this.#limitBytes = options.limitBytes
    this.#begun = new Promise(resolve => {
      this.#begin = resolve
    })
  }

  /** For people: what the files take, and what they may take (0: no limit). */
  status(): { readonly usedBytes: number; readonly limitBytes: number } {
    return { usedBytes: this.#usedBytes, limitBytes: this.#limitBytes }
  }

  /** What was stored earlier has been opened: until now nobody knew how much room is taken. */
  async begin(): Promise<void> {
    const { store, recent, log } = this.#deps
    await store.countStrays()
    recent.retain(store.openSongs().map(song => song.id))
    const songs = store.openSongs().length
    log[songs === 0 ? 'debug' : 'info']({ ...this.status(), songs }, 'what was stored earlier is open')
    this.#begin()
    if (this.#isOver) await this.#makeRoom()
  }

  /** Nothing is given up any more, and whoever waits for room is told that there is none. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#begin()
    return this.settled()
  }

  /** Resolves when no room is being made. */
  async settled(): Promise<void> {
    await this.#making
  }

  /** One file may lie over the limit, so that who stores does not wait for who goes. @throws EvaError `EVA_CACHE_FULL` */
  async take(sizeBytes: number): Promise<void> {
    if (this.#limitBytes > 0) await this.#begun
    while (this.#isOver) {
      await this.#makeRoom()
      if (this.#isOver && this.#making === undefined) throw this.#stuck()
    }
    this.#usedBytes += sizeBytes
    if (this.#isOver) void this.#makeRoom()
  }

  found(sizeBytes: number): void {
    this.#usedBytes += sizeBytes
  }

  give(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes
  }

  get #isOver(): boolean {
    return this.#limitBytes > 0 && this.#usedBytes > this.#limitBytes
  }

  /** Gives up what may go until the limit is kept or nothing is left; one at a time, for all who wait. Never throws. */
  #makeRoom(): Promise<void> {
    this.#making ??= this.#evictUntilFits()
      .catch(thrown => {
        const { code, message } = toEvaError(thrown)
        this.#deps.log.error({ code, err: thrown }, `The cache cannot make room: ${message}`)
      })
      .finally(() => {
        this.#making = undefined
      })
    return this.#making
  }

  async #evictUntilFits(): Promise<void> {
    const { store, log } = this.#deps
    const passedOver = new Set<string>()
    while (this.#isOver && !this.#isClosed) {
      if (await store.removeStray()) continue
      const victim = await this.#choose(passedOver)
      if (victim === undefined) return
      passedOver.add(nameOf(victim))
      const outcome = await store.evict(victim.songId, victim.extent).catch(toEvaError)
      if (outcome instanceof EvaError)
        log.warn({ ...victim, code: outcome.code }, `A file of the cache cannot be removed: ${outcome.message}`)
      if (outcome !== true) continue
      this.#isStuck = false
      log.debug({ ...victim, usedBytes: this.#usedBytes }, 'an extent made room')
    }
  }

  /** The tracker is asked about the songs that are next to go, until one is found that nobody misses or all were asked about. */
  async #choose(passedOver: ReadonlySet<string>): Promise<Victim | undefined> {
    const { copies } = this.#deps
    for (;;) {
      const roomBytes = this.#limitBytes - this.#deps.library.keptBytes()
      const victim = nextVictim(this.#songs(passedOver), { roomBytes })
      if (victim?.standing !== 'unknown' || copies.isAsked(victim.songId)) return victim
      const order = this.#songIdsInOrder()
      const next = order.slice(order.indexOf(victim.songId)).filter(songId => !copies.isAsked(songId))
      await forEachBounded(next.slice(0, ASKED_AT_ONCE), ASKED_AT_ONCE, songId => copies.ask(songId))
    }
  }

  *#songs(passedOver: ReadonlySet<string>): Generator<CachedSong> {
    const { store, library, playback, queue, copies } = this.#deps
    const manifests = new Map(store.openSongs().map(song => [song.id, song]))
    const playing = new Set(playback.playingSongIds)
    const next = new Set(queue.songIds.slice(0, NEXT_SONGS))
    for (const songId of this.#songIdsInOrder()) {
      yield {
        songId,
        fileSize: manifests.get(songId)?.fileSize ?? 0,
        isKept: library.isKept(songId) || next.has(songId),
        readerPositions: playing.has(songId) ? playback.positionsOf(songId) : undefined,
        copies: copies.copiesOf(songId),
        extents: store.evictable(songId).filter(({ extent }) => !passedOver.has(nameOf({ songId, extent }))),
      }
    }
  }

  #songIdsInOrder(): SongId[] {
    return this.#deps.recent.inOrder(this.#deps.store.openSongs().map(song => song.id))
  }

  /** Told once, until something goes again. */
  #stuck(): EvaError {
    const error = new EvaError('EVA_CACHE_FULL')
    const { code, message, nextStep } = error
    if (!this.#isStuck && !this.#isClosed) this.#deps.log.warn({ code, nextStep, ...this.status() }, message)
    this.#isStuck = true
    return error
  }
}

function nameOf({ songId, extent }: { readonly songId: SongId; readonly extent: number }): string {
  return `${songId}/${extent}`
}
