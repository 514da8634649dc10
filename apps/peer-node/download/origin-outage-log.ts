// What a person is told of the origin's failures: one line when an outage begins, one when it is over.
// Not a judgement: whether and when the origin is asked again is the Scheduler's.
// Invariant: a code is told once per outage however many requests fail of it, and not again within a minute of its last line, so
// that an origin which comes and goes does not fill the log. What is wrong with a chunk is over when that chunk is stored.

import type { ErrorCode, EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { MINUTE_MS, type Millis } from '@evastream/core/units'
import type { Clock, NodeLog } from '../ports.ts'

export interface OriginOutageLogDeps {
  readonly clock: Clock
  readonly log: NodeLog
}

/** What the origin was asked for. */
export interface AskedChunk {
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** The same is not told again so soon. */
const QUIET_MS = MINUTE_MS
/** The origin answers, and is wrong about one chunk; its other chunks say nothing about that. */
const CHUNK_FAULTS: ReadonlySet<ErrorCode> = new Set(['EVA_ORIGIN_CHUNK_MISSING', 'EVA_ORIGIN_HASH_MISMATCH'])

interface ChunkOutage {
  isTold: boolean
  /** Still wanted. */
  readonly chunkIds: Set<ChunkId>
}

export class OriginOutageLog {
  readonly #deps: OriginOutageLogDeps
  /** What keeps the origin from answering at all; true for what was told. */
  readonly #outages = new Map<ErrorCode, boolean>()
  readonly #chunkOutages = new Map<SongId, Map<ErrorCode, ChunkOutage>>()
  readonly #toldAt = new Map<string, Millis>()

  constructor(deps: OriginOutageLogDeps) {
    this.#deps = deps
  }

  failed(error: EvaError, asked: AskedChunk): void {
    if (error.code === 'EVA_CANCELLED') return
    if (CHUNK_FAULTS.has(error.code)) this.#chunkFailed(error, asked)
    else if (this.#outages.get(error.code) !== true) this.#outages.set(error.code, this.#tell(error, {}))
  }

  /** A request to the origin came to its end, whatever its bytes are worth. */
  answered(): void {
    const isTold = [...this.#outages.values()].includes(true)
    this.#outages.clear()
    if (isTold) this.#deps.log.info({}, 'the origin answers again')
  }

  /** The chunk is here and right, whoever sent it. */
  stored({ songId, chunkId }: AskedChunk): void {
    const ofSong = this.#chunkOutages.get(songId)
    for (const [code, { chunkIds, isTold }] of ofSong ?? []) {
      chunkIds.delete(chunkId)
      if (chunkIds.size > 0) continue
      ofSong?.delete(code)
      if (isTold) this.#deps.log.info({ songId }, 'the chunks that the origin lacked or sent wrong are here now')
    }
  }

  #chunkFailed(error: EvaError, asked: AskedChunk): void {
    this.answered()
    const { songId, chunkId } = asked
    const ofSong = this.#chunkOutages.get(songId) ?? new Map<ErrorCode, ChunkOutage>()
    this.#chunkOutages.set(songId, ofSong)
    const outage = ofSong.get(error.code) ?? { isTold: false, chunkIds: new Set() }
    ofSong.set(error.code, outage)
    outage.chunkIds.add(chunkId)
    if (!outage.isTold) outage.isTold = this.#tell(error, asked)
  }

  /** @returns false when the same was told too short a while ago. */
  #tell({ code, message, nextStep }: EvaError, about: Partial<AskedChunk>): boolean {
    const key = `${code} ${about.songId ?? ''}`
    const now = this.#deps.clock.now()
    if (now - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return false
    this.#toldAt.set(key, now)
    this.#deps.log.warn({ code, ...about, nextStep }, `${message} ${nextStep}`)
    return true
  }
}
