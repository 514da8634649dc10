// What each listener went through: how long until the first sound, after play and after each jump, and every stall between.
// Not bytes (ledger.ts) and not a judgement: what is good enough is said by whoever asks.
// Invariant: it only watches; every play that was pressed is here once, in the order of pressing.

import type { PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Fact, SimulationObserver } from './simulation-observer.ts'

export interface PlayRecord {
  readonly peerId: PeerId
  readonly songId: SongId
  readonly readerId: string
  readonly how: 'pressed' | 'queued'
  readonly pressedAt: Millis
  /** From play to the first verified audio; undefined while there was none. */
  startupMs: number | undefined
  /** From each jump to its first verified audio. */
  readonly seekMs: number[]
  stallCount: number
  stalledMs: number
  /** How long the listener had been waiting when the play ended. */
  silentForMs: number
  isOver: boolean
}

interface OpenPlay {
  readonly play: PlayRecord
  /** Since when the music stands still for want of bytes. */
  stalledSince: Millis | undefined
}

/** A shorter wait is nothing that a player's own buffer does not hide: the peer node's own count leaves it out as well. */
const STALL_MIN_MS = 50

export class PlayBook implements SimulationObserver {
  readonly plays: PlayRecord[] = []
  readonly #open = new Map<string, OpenPlay>()

  started(): void {}

  handled(): void {}

  ended(): void {}

  fault(): void {}

  fact(at: Millis, peerId: PeerId, fact: Fact): void {
    switch (fact.kind) {
      case 'pressed':
        this.#pressed(at, peerId, fact)
        return
      case 'stalled':
        this.#update(at, peerId, fact, open => {
          if (fact.why === 'stall') open.stalledSince = at
        })
        return
      case 'resumed':
        this.#update(at, peerId, fact, () => undefined)
        return
      case 'sounded':
        this.#update(at, peerId, fact, ({ play }) => {
          if (fact.why === 'start') play.startupMs = fact.waitedMs
          else play.seekMs.push(fact.waitedMs)
        })
        return
      case 'play-ended':
        this.#update(at, peerId, fact, ({ play }) => {
          play.isOver = true
          play.silentForMs = fact.silentForMs
        })
        return
      default:
        return
    }
  }

  #pressed(at: Millis, peerId: PeerId, fact: Extract<Fact, { readonly kind: 'pressed' }>): void {
    const { songId, readerId, how } = fact
    const fresh = { startupMs: undefined, seekMs: [], stallCount: 0, stalledMs: 0, silentForMs: 0, isOver: false }
    const play: PlayRecord = { peerId, songId, readerId, how, pressedAt: at, ...fresh }
    this.plays.push(play)
    this.#open.set(`${peerId}/${readerId}`, { play, stalledSince: undefined })
  }

  /** Whatever is told of a play ends the stall that it was in. */
  #update(at: Millis, peerId: PeerId, { readerId }: { readonly readerId: string }, change: (open: OpenPlay) => void): void {
    const open = this.#open.get(`${peerId}/${readerId}`)
    if (open === undefined) return
    const stalledMs = open.stalledSince === undefined ? 0 : at - open.stalledSince
    open.stalledSince = undefined
    if (stalledMs >= STALL_MIN_MS) {
      open.play.stallCount++
      open.play.stalledMs += stalledMs
    }
    change(open)
  }
}
