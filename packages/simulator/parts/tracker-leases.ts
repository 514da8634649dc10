// The simulated tracker's word on who fetches which chunk from the origin: the production book of leases, with this world's facts.
// Not the calls to it (simulated-tracker.ts).
// Invariant: what it knows of holders is what the tracker lists; a forgetful tracker begins a new book.

import { type ChunkId, type PeerId, parsePeerId, type SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { LeasesAnswered } from '@evastream/engine/events'
import { type LeaseAsk, LeaseBook } from '@evastream/engine/leases/lease-book'
import type { Fact } from '../records/simulation-observer.ts'

/** Whom its own facts are told of. */
const TRACKER = parsePeerId('tracker')

export type LeaseWord = Pick<LeasesAnswered, 'granted' | 'waiting' | 'originCopies'>

export interface TrackerLeasesDeps {
  readonly random: Random
  /** What the book does, and what ends its leases, as it happens. */
  told(peerId: PeerId, fact: Fact): void
  /** Who lives and holds some of the song, with what. */
  membersOf(songId: SongId): Iterable<readonly [PeerId, ReadonlySet<ChunkId>]>
  isLiving(peerId: PeerId): boolean
}

export interface TrackerLeasesOptions {
  readonly originCopies: number
  readonly shapes: ReadonlyMap<SongId, SongShape>
}

export class TrackerLeases {
  readonly #deps: TrackerLeasesDeps
  readonly #options: TrackerLeasesOptions
  #book: LeaseBook
  #lifeCount = 0

  constructor(deps: TrackerLeasesDeps, options: TrackerLeasesOptions) {
    this.#deps = deps
    this.#options = options
    this.#book = this.#newBook()
  }

  /** Undefined for a song that this tracker was not told of. */
  ask(wish: LeaseAsk, at: Millis): LeaseWord | undefined {
    const { peerId, songId } = wish
    const shape = this.#options.shapes.get(songId)
    if (shape === undefined) return undefined
    const members = new Map(this.#deps.membersOf(songId))
    const facts = {
      chunkCount: shape.chunkCount,
      chunkSizeBytes: shape.chunkSize,
      memberCount: members.size,
      isMember: (other: PeerId) => members.has(other),
      holdersOf: (chunkId: ChunkId, count: number) => {
        const holders = [...members].filter(([other, held]) => other !== peerId && held.has(chunkId))
        return this.#deps.random
          .shuffled(holders)
          .slice(0, count)
          .map(([other]) => other)
      },
      isAlive: (other: PeerId) => this.#isAlive(other),
    }
    const { granted, waiting } = this.#book.request(wish, facts, at)
    const { originCopies } = this.#options
    for (const { chunkId, leaseId, expiresAt, firstBlocks } of granted) {
      const lease = { songId, chunkId, leaseId, expiresInMs: expiresAt - at, firstBlocks, originCopies }
      const holderCount = [...members].filter(([other, held]) => other !== peerId && held.has(chunkId)).length
      this.#deps.told(peerId, { kind: 'lease-granted', at, ...lease, holderCount })
    }
    return {
      granted: granted.map(({ chunkId, leaseId, expiresAt, firstBlocks }) => ({
        chunkId,
        leaseId,
        expiresInMs: expiresAt - at,
        firstBlocks,
      })),
      waiting,
      originCopies,
    }
  }

  askersOf(songId: SongId, at: Millis): readonly PeerId[] {
    return this.#book.askersOf(songId, at)
  }

  returned(peerId: PeerId, leaseIds: readonly string[], at: Millis): void {
    this.#deps.told(peerId, { kind: 'leases-over', leaseIds })
    this.#book.returned(peerId, leaseIds, at)
  }

  completed(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#deps.told(peerId, { kind: 'leases-over', songId, chunkIds })
    this.#book.completed(peerId, songId, chunkIds)
  }

  peerFailed(peerId: PeerId): void {
    this.#deps.told(peerId, { kind: 'leases-over' })
    this.#book.peerFailed(peerId)
  }

  forgetEverything(): void {
    this.#deps.told(TRACKER, { kind: 'tracker-forgot' })
    this.#book = this.#newBook()
  }

  /** Whom it believes dead the book takes all leases from. */
  #isAlive(peerId: PeerId): boolean {
    const isAlive = this.#deps.isLiving(peerId)
    if (!isAlive) this.#deps.told(peerId, { kind: 'leases-over' })
    return isAlive
  }

  #newBook(): LeaseBook {
    return new LeaseBook({ originCopies: this.#options.originCopies, idPrefix: `life${++this.#lifeCount}` })
  }
}
