// A peer's dealings with the tracker: registers, beats, announces what it holds, asks who holds a song, and starts over when forgotten.
// Not the tracker client: no tokens and no HTTP, the same stubbornness.
// Invariant: whatever the tracker missed is announced again once it answers.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { LeaseAsk } from '@evastream/engine/leases/lease-book'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Host } from './simulated-network.ts'
import type { SimulatedStore } from './simulated-store.ts'
import { HEARTBEAT_EVERY_MS, type Listing, type SimulatedTracker } from './simulated-tracker.ts'
import type { LeaseWord } from './tracker-leases.ts'

export interface TrackerSessionDeps {
  readonly clock: VirtualClock
  readonly tracker: SimulatedTracker
  readonly host: Host
  readonly store: SimulatedStore
}

const RETRY_AFTER_MS = 1000

export class SimulatedTrackerSession {
  readonly #deps: TrackerSessionDeps
  readonly #peerId: PeerId
  readonly #songs = new Set<SongId>()
  #isOver = false

  constructor(deps: TrackerSessionDeps, options: { readonly peerId: PeerId }) {
    this.#deps = deps
    this.#peerId = options.peerId
  }

  start(): void {
    this.#register()
    this.#beatLater()
  }

  /** The process ends; a polite one says so. */
  stop(isPolite: boolean): void {
    this.#isOver = true
    if (isPolite) this.#deps.tracker.deregister(this.#deps.host, this.#peerId)
  }

  addSong(songId: SongId): void {
    this.#songs.add(songId)
    this.announce(songId, this.#deps.store.heldChunks(songId))
  }

  removeSong(songId: SongId): void {
    this.#songs.delete(songId)
  }

  announce(songId: SongId, chunkIds: readonly ChunkId[]): void {
    if (chunkIds.length === 0) return
    this.#deps.tracker.acquired(
      this.#deps.host,
      { peerId: this.#peerId, songId, chunkIds },
      {
        replied: isKnown => {
          if (!isKnown) this.#later(() => this.#register())
        },
        failed: () => this.#later(() => this.#announceAgain(songId)),
      },
    )
  }

  retract(songId: SongId, chunkId: ChunkId): void {
    this.#deps.tracker.released(this.#deps.host, { peerId: this.#peerId, songId, chunkId })
  }

  find(songId: SongId, found: (listings: readonly Listing[]) => void, failed: (code: ErrorCode) => void): void {
    this.#deps.tracker.peersOf(
      this.#deps.host,
      { peerId: this.#peerId, songId },
      {
        replied: listings => {
          if (!this.#isOver) found(listings)
        },
        failed: code => {
          if (!this.#isOver) failed(code)
        },
      },
    )
  }

  /** The answer, or that the tracker could not be asked, or does not know us. */
  askLeases(wish: Omit<LeaseAsk, 'peerId'>, answered: (word: LeaseWord) => void, failed: (code: ErrorCode) => void): void {
    this.#deps.tracker.askLeases(
      this.#deps.host,
      { ...wish, peerId: this.#peerId },
      {
        replied: word => {
          if (this.#isOver) return
          if (word !== undefined) answered(word)
          else {
            this.#later(() => this.#register())
            failed('EVA_PEER_UNKNOWN')
          }
        },
        failed: code => {
          if (!this.#isOver) failed(code)
        },
      },
    )
  }

  returnLeases(leaseIds: readonly string[]): void {
    this.#deps.tracker.returnLeases(this.#deps.host, this.#peerId, leaseIds)
  }

  report(reportedPeerId: PeerId): void {
    this.#deps.tracker.report(this.#deps.host, this.#peerId, reportedPeerId)
  }

  #announceAgain(songId: SongId): void {
    if (this.#songs.has(songId)) this.announce(songId, this.#deps.store.heldChunks(songId))
  }

  #register(): void {
    this.#deps.tracker.register(this.#deps.host, this.#peerId, {
      replied: () => {
        if (this.#isOver) return
        for (const songId of this.#songs) this.#announceAgain(songId)
      },
      failed: () => this.#later(() => this.#register()),
    })
  }

  #beatLater(): void {
    this.#deps.clock.after(HEARTBEAT_EVERY_MS, () => {
      if (this.#isOver) return
      this.#deps.tracker.heartbeat(this.#deps.host, this.#peerId, {
        replied: isKnown => {
          if (!isKnown && !this.#isOver) this.#register()
        },
        failed: () => {},
      })
      this.#beatLater()
    })
  }

  #later(act: () => void): void {
    this.#deps.clock.after(RETRY_AFTER_MS, () => {
      if (!this.#isOver) act()
    })
  }
}
