// How many others hold each chunk of a song, asked of the tracker when it matters and remembered for a while.
// Not the engine's peer table: that knows the swarms of songs which are being fetched, and what is to go is mostly not one of them.
// Invariant: who cannot be asked is not guessed about, and a song is asked about at most once in a while, answered or not.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { MINUTE_MS, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Clock } from '../ports.ts'

export interface SwarmCopiesDeps {
  /** Undefined: there is no tracker to ask now. */
  tracker(): { swarm(songId: SongId, signal: AbortSignal): Promise<{ readonly availability: readonly number[] }> } | undefined
  readonly store: { heldChunks(songId: SongId): readonly number[] }
  readonly clock: Clock
}

interface Answer {
  readonly copies: readonly number[] | undefined
  readonly until: Millis
}

/** Swarms change slowly; the loss is one copy too many or too few. */
const ANSWER_KEPT_MS = 5 * MINUTE_MS
const SILENCE_KEPT_MS = 30 * SECOND_MS
/** Somebody waits for room meanwhile. */
const ASK_TIMEOUT_MS = SECOND_MS

export class SwarmCopies {
  readonly #deps: SwarmCopiesDeps
  /** One for each song that was asked about, so no more than there are songs here. */
  readonly #answers = new Map<SongId, Answer>()

  constructor(deps: SwarmCopiesDeps) {
    this.#deps = deps
  }

  /** Whether there is an answer, or was none, a short while ago. */
  isAsked(songId: SongId): boolean {
    return this.#deps.tracker() === undefined || this.#answerTo(songId) !== undefined
  }

  /** Copies of each chunk besides the own one; undefined when that is not known. */
  copiesOf(songId: SongId): readonly number[] | undefined {
    return this.#answerTo(songId)?.copies
  }

  /** Resolves when the tracker has answered or has not. */
  async ask(songId: SongId): Promise<void> {
    const { clock } = this.#deps
    const tracker = this.#deps.tracker()
    if (tracker === undefined) return
    const reply = await tracker.swarm(songId, AbortSignal.timeout(ASK_TIMEOUT_MS)).catch(toEvaError)
    const copies = this.#copiesIn(songId, reply)
    this.#answers.set(songId, { copies, until: clock.now() + (copies === undefined ? SILENCE_KEPT_MS : ANSWER_KEPT_MS) })
  }

  #answerTo(songId: SongId): Answer | undefined {
    const answer = this.#answers.get(songId)
    return answer !== undefined && answer.until > this.#deps.clock.now() ? answer : undefined
  }

  /** The tracker counts this node's own copies as well. A song of which it knows no holder has none but these. */
  #copiesIn(songId: SongId, reply: { readonly availability: readonly number[] } | EvaError): readonly number[] | undefined {
    if (reply instanceof EvaError) return reply.code === 'EVA_SONG_NOT_FOUND' ? [] : undefined
    const own = new Set(this.#deps.store.heldChunks(songId))
    return reply.availability.map((count, chunkId) => (own.has(chunkId) ? count - 1 : count))
  }
}
