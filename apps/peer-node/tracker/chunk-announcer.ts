// Tells the tracker what this node holds: what was stored and what was lost, gathered for a moment and sent together.
// Not the connected peers' news (the upload server's HAVE), and not the registration (tracker-session.ts).
// Invariant: once the tracker answers again, it is told everything it missed; the last word about a chunk is the one that is sent.

import type { ErrorCode, EvaError } from '@evastream/core/errors'
import { toEvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { MINUTE_MS } from '@evastream/core/units'
import { ACQUIRED_ALONG_MAX } from '@evastream/protocol/tracker-http'
import type { Timers } from '@evastream/service-kit/system-clock'
import { forEachBounded } from '../bounded-work.ts'
import type { NodeLog, TrackerPort } from '../ports.ts'
import { RetryPace } from '../retry-pace.ts'

export interface ChunkAnnouncerDeps {
  readonly tracker: Pick<TrackerPort, 'notifyChunkAcquired' | 'notifyChunkReleased'>
  readonly timers: Pick<Timers, 'after'>
  readonly random: Random
  readonly log: NodeLog
  /** The tracker does not know this node (any more): somebody should register it, and then call `announceAgain`. */
  peerUnknown(): void
}

type News = 'acquired' | 'released'

/** News are gathered this long: connected peers hear of chunks from this node itself, and a lease that ends goes with the next call (`along`). */
const GATHER_MS = 400
/** Calls at once, one a song: a node that comes back with many songs is known with all of them soon. */
const CALLS_AT_ONCE_MAX = 8
/** News of a song that the tracker does not accept (not published, or deleted) are told again after this long. */
const REFUSED_PAUSE_MS = MINUTE_MS

export class ChunkAnnouncer {
  readonly #deps: ChunkAnnouncerDeps
  readonly #pace: RetryPace
  readonly #news = new Map<SongId, Map<ChunkId, News>>()
  readonly #refused = new Map<SongId, ReadonlyMap<ChunkId, News>>()
  readonly #abort = new AbortController()
  /** Songs whose news are under way with another call: what is new meanwhile is told after it. */
  readonly #underWay = new Set<SongId>()
  #isSending = false
  /** The tracker does not take news along with other calls. */
  #isByItself = false
  #isRegistered = false
  #cancelTimer: (() => void) | undefined
  #cancelRefusedTimer: (() => void) | undefined

  constructor(deps: ChunkAnnouncerDeps) {
    this.#deps = deps
    this.#pace = new RetryPace(deps, { subject: 'Telling the tracker what is held', isQuiet: true })
  }

  acquired(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#add(songId, chunkIds, 'acquired')
  }

  released(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#add(songId, chunkIds, 'released')
  }

  /** After each registration: the tracker may have forgotten everything, so all that is held is news. */
  announceAgain(held: Iterable<readonly [SongId, readonly ChunkId[]]>): void {
    this.#isRegistered = true
    this.#isByItself = false
    // It answers again: what was paused for need not be waited for.
    this.#pace.succeeded()
    this.#forgetTimer()
    this.#news.clear()
    this.#refused.clear()
    for (const [songId, chunkIds] of held) this.acquired(songId, chunkIds)
  }

  /** News wait here until the next registration. */
  hold(): void {
    this.#isRegistered = false
  }

  /**
   * Makes a call about a song that can announce chunks as well, with what is new of it. A tracker that refuses the call with them gets it
   * again without, and from then on news go by themselves, until the next registration.
   */
  async along<T>(songId: SongId, call: (acquired: readonly ChunkId[]) => Promise<T>): Promise<T> {
    const told = this.#takeAlong(songId)
    if (told === undefined) return call([])
    this.#underWay.add(songId)
    try {
      const answer = await call([...told.keys()])
      if (this.#pace.isFailing) this.#forgetTimer()
      this.#pace.succeeded()
      return answer
    } catch (thrown) {
      this.#putBack(songId, told)
      const error = toEvaError(thrown)
      if (error.blames !== 'caller' || isForgotten(error.code)) throw error
      const answer = await call([])
      this.#isByItself = error.code === 'EVA_REQUEST_INVALID'
      return answer
    } finally {
      this.#underWay.delete(songId)
      if (this.#news.size > 0) this.#sendLater(GATHER_MS)
    }
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#abort.abort()
    this.#cancelTimer?.()
    this.#cancelRefusedTimer?.()
  }

  #add(songId: SongId, chunkIds: readonly ChunkId[], news: News): void {
    if (chunkIds.length === 0) return
    const ofSong = this.#news.get(songId) ?? new Map<ChunkId, News>()
    for (const chunkId of chunkIds) ofSong.set(chunkId, news)
    this.#news.set(songId, ofSong)
    this.#sendLater(GATHER_MS)
  }

  #sendLater(delayMs: number): void {
    if (this.#cancelTimer !== undefined || this.#isSending || this.#abort.signal.aborted || !this.#isRegistered) return
    this.#cancelTimer = this.#deps.timers.after(delayMs, () => {
      this.#cancelTimer = undefined
      void this.#send()
    })
  }

  #forgetTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  /** Undefined when there is nothing that can go with another call. */
  #takeAlong(songId: SongId): ReadonlyMap<ChunkId, News> | undefined {
    const news = this.#news.get(songId)
    const isReady = this.#isRegistered && !this.#isSending && !this.#isByItself && !this.#underWay.has(songId)
    if (news === undefined || !isReady || news.size > ACQUIRED_ALONG_MAX) return undefined
    for (const what of news.values()) if (what === 'released') return undefined
    this.#news.delete(songId)
    // After a failure the pause goes on: this call may fail as well, and its news come back.
    if (this.#news.size > 0 || this.#pace.isFailing) return news
    this.#forgetTimer()
    return news
  }

  async #send(): Promise<void> {
    const songIds = [...this.#news.keys()].filter(songId => !this.#underWay.has(songId))
    // What is under way with other calls is sent after them, if need be.
    if (songIds.length === 0) return
    this.#isSending = true
    let delayMs = GATHER_MS
    try {
      await forEachBounded(songIds, CALLS_AT_ONCE_MAX, songId => this.#sendSong(songId))
      this.#pace.succeeded()
    } catch (thrown) {
      delayMs = this.#failed(toEvaError(thrown))
    }
    this.#isSending = false
    if (this.#news.size > 0) this.#sendLater(delayMs)
  }

  async #sendSong(songId: SongId): Promise<void> {
    const told = this.#news.get(songId) ?? new Map<ChunkId, News>()
    this.#news.delete(songId)
    const chunksOf = (news: News) => [...told].flatMap(([chunkId, what]) => (what === news ? [chunkId] : []))
    const [acquired, released] = [chunksOf('acquired'), chunksOf('released')]
    try {
      if (released.length > 0) await this.#deps.tracker.notifyChunkReleased(songId, released, this.#abort.signal)
      if (acquired.length > 0) await this.#deps.tracker.notifyChunkAcquired(songId, acquired, this.#abort.signal)
    } catch (thrown) {
      const error = toEvaError(thrown)
      if (!isFinal(error)) {
        this.#putBack(songId, told)
        throw error
      }
      this.#refuse(songId, told, error)
    }
  }

  #refuse(songId: SongId, told: ReadonlyMap<ChunkId, News>, error: EvaError): void {
    this.#deps.log.warn({ songId, code: error.code, nextStep: error.nextStep }, `The tracker does not list the song: ${error.message}`)
    this.#refused.set(songId, new Map([...(this.#refused.get(songId) ?? []), ...told]))
    this.#cancelRefusedTimer ??= this.#deps.timers.after(REFUSED_PAUSE_MS, () => {
      this.#cancelRefusedTimer = undefined
      for (const [refusedId, news] of this.#refused) this.#putBack(refusedId, news)
      this.#refused.clear()
      this.#sendLater(0)
    })
  }

  /** What became news meanwhile is the newer word. */
  #putBack(songId: SongId, told: ReadonlyMap<ChunkId, News>): void {
    this.#news.set(songId, new Map([...told, ...(this.#news.get(songId) ?? [])]))
  }

  #failed(error: EvaError): number {
    if (isForgotten(error.code)) {
      this.#isRegistered = false
      this.#deps.peerUnknown()
    }
    return this.#pace.failed(error)
  }
}

function isForgotten(code: ErrorCode): boolean {
  return code === 'EVA_PEER_UNKNOWN' || code === 'EVA_TOKEN_REJECTED' || code === 'EVA_TOKEN_REQUIRED'
}

/** Asking again would bring the same answer: the song is not published (any more), or not as it is known here. */
function isFinal(error: EvaError): boolean {
  return !error.retryable && error.blames === 'caller' && !isForgotten(error.code)
}
