// The tracker's book of who may fetch which chunk from the origin: one lease for each chunk that nobody holds, so that the origin
// sends about one copy. It stands here so that the simulated tracker judges by the same book.
// Not who holds what (the registry) and not who is alive (the handout policy): those come in as facts, time with each call.
// Invariant: the leases alive of a chunk and its holders together never exceed the budget; a song's first chunk alone may have a few
// more, of its first blocks. What ended, however it did, may be granted to the next who asks; no ended lease is remembered.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, MIB, type Millis, SECOND_MS } from '@evastream/core/units'
import { BRINGING_MS, noteGrant, type Obstacle, obstacleOf } from './lease-turns.ts'
import { type Asker, SongAskers } from './song-askers.ts'

export interface LeaseBookOptions {
  /** How many peers may have fetched a chunk from the origin, or be fetching it, at once. */
  readonly originCopies: number
  /** Makes the ids of this life of the tracker differ from those of another. */
  readonly idPrefix: string
  readonly leasesMax?: number
}

export interface LeaseAsk {
  readonly peerId: PeerId
  readonly songId: SongId
  readonly chunkIds: readonly ChunkId[]
  readonly expectedMs: number
  readonly backlogMs: number
  readonly uplinkBytesPerSecond: number | undefined
}

/** What the book does not know by itself. */
export interface LeaseFacts {
  readonly chunkCount: number
  readonly chunkSizeBytes: number
  /** Peers that hold some of the song. */
  readonly memberCount: number
  isMember(peerId: PeerId): boolean
  /** Up to `count` living holders of the chunk, without the asker. */
  holdersOf(chunkId: ChunkId, count: number): readonly PeerId[]
  /** Whether it lives, as far as anybody can tell. */
  isAlive(peerId: PeerId): boolean
}

export interface Lease {
  readonly leaseId: string
  readonly peerId: PeerId
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly grantedAt: Millis
  /** Later, when its peer asks again before it has expired. */
  expiresAt: Millis
  /** Only so many blocks from its beginning; undefined for the whole chunk. */
  readonly firstBlocks: number | undefined
}

export interface LeaseWait {
  readonly chunkId: ChunkId
  readonly reason: 'held' | 'leased' | 'uplink' | 'limit'
  /** Whom to take the chunk from. */
  readonly holder: PeerId | undefined
  readonly retryAfterMs: number
}

export interface LeaseAnswer {
  readonly granted: readonly Lease[]
  readonly waiting: readonly LeaseWait[]
}

export type LeaseEnd = 'completed' | 'returned' | 'expired' | 'failed'
export type LeaseResult = LeaseEnd | 'granted' | LeaseWait['reason']

/** Enough of a song's first chunk to begin with, while another peer fetches the whole. */
const FIRST_BLOCKS = 4
const LIFE_MIN_MS = 2 * SECOND_MS
const LIFE_EXPECTED_TIMES = 2
/** A lease that is asked for again lives so many times as long at the most. */
const RENEWED_LIFE_TIMES = 5
const LEASES_MAX = 200_000
/** There are n first leases among n² times so many peers: the first holder's uplink may be the slowest, and each lease more is some blocks twice. */
const FIRST_LEASES_SQUARED_PEERS = 5
const FIRST_LEASES_MAX = 16
const FIRST_SHARE = 1 / 32
/**
 * A newcomer that seems to be alone may be the first of a crowd, and its uplink the slowest: the longer (ms) nobody else comes, the more it
 * gets, and at first no more than keeps a link busy.
 */
const ALONE_STEPS = [
  { untilMs: SECOND_MS / 8, bytes: MIB / 2 },
  { untilMs: SECOND_MS / 2, bytes: MIB },
  { untilMs: Number.POSITIVE_INFINITY, bytes: 4 * MIB },
] as const
/** Each call pays for the memory of a few others. */
const SWEPT_PER_CALL = 8
const SWEPT_AT_ONCE = 5_000
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = SECOND_MS

interface SongLeases {
  readonly chunkCount: number
  readonly askers: SongAskers
  readonly leasesOf: Map<ChunkId, Lease[]>
}

interface Asking {
  readonly ask: LeaseAsk
  readonly facts: LeaseFacts
  readonly song: SongLeases
  readonly asker: Asker
  readonly at: Millis
}

export class LeaseBook {
  readonly #options: LeaseBookOptions
  readonly #songs = new Map<SongId, SongLeases>()
  readonly #leases = new Map<string, Lease>()
  readonly #leasesOfPeer = new Map<PeerId, Set<Lease>>()
  readonly #counts: Record<LeaseResult, number> = {
    granted: 0,
    held: 0,
    leased: 0,
    uplink: 0,
    limit: 0,
    completed: 0,
    returned: 0,
    expired: 0,
    failed: 0,
  }
  #lastNumber = 0
  #leaseCursor = this.#leases.values()
  #songCursor = this.#songs.entries()

  constructor(options: LeaseBookOptions) {
    this.#options = options
  }

  /** How many copies of a chunk the origin may send. */
  get originCopies(): number {
    return this.#options.originCopies
  }

  /** How often each outcome was had, since the start. */
  get counts(): Readonly<Record<LeaseResult, number>> {
    return this.#counts
  }

  /** Of many, some may have expired since the last sweep. */
  liveCount(at: Millis): number {
    this.sweep(at)
    return this.#leases.size
  }

  /** Songs in memory, for tests of what is left behind. */
  get songCount(): number {
    return this.#songs.size
  }

  /** The chunks of a song that are on their way from the origin, in no order; undefined for a song nobody asked for lately. */
  leasedChunks(songId: SongId, at: Millis): { readonly chunkCount: number; readonly chunkIds: ChunkId[] } | undefined {
    const song = this.#songs.get(songId)
    if (song === undefined) return undefined
    for (const chunkId of [...song.leasesOf.keys()]) this.#dropExpired(song, chunkId, at)
    return { chunkCount: song.chunkCount, chunkIds: [...song.leasesOf.keys()] }
  }

  request(ask: LeaseAsk, facts: LeaseFacts, at: Millis): LeaseAnswer {
    this.sweep(at, SWEPT_PER_CALL)
    const song = this.#song(ask.songId, facts.chunkCount)
    const asker = song.askers.note(ask.peerId, ask.uplinkBytesPerSecond, at)
    const granted: Lease[] = []
    const waiting: LeaseWait[] = []
    for (const chunkId of new Set(ask.chunkIds)) {
      const outcome = this.#decide(chunkId, { ask, facts, song, asker, at })
      if ('leaseId' in outcome) granted.push(outcome)
      else waiting.push(outcome)
    }
    for (const { reason } of waiting) this.#counts[reason]++
    return { granted, waiting }
  }

  /** Who asked for leases of the song lately, and so is about to have some of it; may be a moment old. */
  askersOf(songId: SongId, at: Millis): readonly PeerId[] {
    return this.#songs.get(songId)?.askers.listed(at) ?? []
  }

  /** The peer has the chunks: what it leased of them is done. */
  completed(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void {
    const own = this.#leasesOfPeer.get(peerId)
    if (own === undefined) return
    const acquired = new Set(chunkIds)
    for (const lease of [...own]) if (lease.songId === songId && acquired.has(lease.chunkId)) this.#end(lease, 'completed')
  }

  /** @returns how many of them were the peer's and alive. */
  returned(peerId: PeerId, leaseIds: readonly string[], at: Millis): number {
    let count = 0
    for (const leaseId of leaseIds) {
      const lease = this.#leases.get(leaseId)
      if (lease === undefined || lease.peerId !== peerId) continue
      if (lease.expiresAt > at) count++
      this.#end(lease, lease.expiresAt > at ? 'returned' : 'expired')
    }
    return count
  }

  /** The peer left, died, began anew or is believed dead. */
  peerFailed(peerId: PeerId): void {
    const own = this.#leasesOfPeer.get(peerId)
    if (own === undefined) return
    for (const lease of [...own]) {
      this.#songs.get(lease.songId)?.askers.forget(peerId)
      this.#end(lease, 'failed')
    }
  }

  forgetSong(songId: SongId): void {
    const song = this.#songs.get(songId)
    for (const leases of [...(song?.leasesOf.values() ?? [])]) for (const lease of [...leases]) this.#end(lease, 'failed')
    this.#songs.delete(songId)
  }

  /**
   * Ends what has expired and forgets songs nobody asks for, looking at so many entries in turn.
   * @returns whether it has been through all of them.
   */
  sweep(at: Millis, entriesMax = SWEPT_AT_ONCE): boolean {
    let isThrough = false
    for (let count = 0; count < entriesMax && !isThrough; count++) isThrough = this.#sweepOne(at)
    return isThrough
  }

  #sweepOne(at: Millis): boolean {
    const lease = this.#leaseCursor.next().value
    if (lease !== undefined) {
      if (lease.expiresAt <= at) this.#end(lease, 'expired')
      return false
    }
    const entry = this.#songCursor.next().value
    if (entry !== undefined) {
      const [songId, song] = entry
      song.askers.dropStale(at)
      if (song.leasesOf.size === 0 && song.askers.count === 0) this.#songs.delete(songId)
      return false
    }
    this.#leaseCursor = this.#leases.values()
    this.#songCursor = this.#songs.entries()
    return true
  }

  #decide(chunkId: ChunkId, asking: Asking): Lease | LeaseWait {
    const { ask, facts, song, at } = asking
    const leases = this.#aliveLeases(chunkId, asking)
    const own = leases.find(lease => lease.peerId === ask.peerId)
    if (own !== undefined) return renewed(own, ask.expectedMs, at)
    const { originCopies } = this.#options
    const holders = facts.holdersOf(chunkId, originCopies)
    const wholeCount = leases.filter(lease => lease.firstBlocks === undefined).length
    const isWhole = holders.length + wholeCount < originCopies
    const isFirst = chunkId === 0 && wholeCount > 0 && holders.length === 0 && leases.length < this.#firstLeases(song, facts)
    if (!isWhole && !isFirst) return occupied({ chunkId, holder: holders[0], leases, at })
    const obstacle = isWhole ? this.#obstacle(asking, holders.length + wholeCount > 0) : this.#fullness()
    if (obstacle === undefined) return this.#grant(chunkId, asking, isWhole ? undefined : FIRST_BLOCKS)
    if (isWhole && isFirst && this.#fullness() === undefined) return this.#grant(chunkId, asking, FIRST_BLOCKS)
    return { chunkId, ...obstacle, holder: leases[0]?.peerId }
  }

  /**
   * What keeps the asker from one more lease: too many, or an uplink that is busy while others wait. `isFurther`: somebody else has the chunk,
   * or brings it.
   */
  #obstacle({ ask, facts, song, asker, at }: Asking, isFurther: boolean): Obstacle | undefined {
    const leaseCount = this.#leasesOfPeer.get(ask.peerId)?.size ?? 0
    const fullness = this.#fullness()
    if (fullness !== undefined) return fullness
    if (song.askers.count === 1) {
      const step = ALONE_STEPS.find(({ untilMs }) => at - asker.askingSince < untilMs)
      const isFull = leaseCount > 0 && (leaseCount + 1) * facts.chunkSizeBytes > (step?.bytes ?? 0)
      return isFull ? { reason: 'limit', retryAfterMs: RETRY_MIN_MS } : undefined
    }
    const { chunkSizeBytes } = facts
    const { originCopies } = this.#options
    const bringingCount = bringing(song, at)
    return obstacleOf({
      asker,
      askers: song.askers,
      backlogMs: ask.backlogMs,
      leaseCount,
      bringingCount,
      chunkSizeBytes,
      originCopies,
      isFurther,
      at,
    })
  }

  /** There are as many leases as there may be at all. */
  #fullness(): Obstacle | undefined {
    return this.#leases.size < (this.#options.leasesMax ?? LEASES_MAX) ? undefined : { reason: 'limit', retryAfterMs: RETRY_MAX_MS }
  }

  #firstLeases({ askers }: SongLeases, facts: LeaseFacts): number {
    const { memberCount, isMember } = facts
    // Of a small song all of them together are a small share.
    const songBytes = facts.chunkCount * facts.chunkSizeBytes
    const max = clamp(1 + Math.floor((FIRST_SHARE * songBytes) / (FIRST_BLOCKS * BLOCK_SIZE_BYTES)), 1, FIRST_LEASES_MAX)
    const enough = FIRST_LEASES_SQUARED_PEERS * max ** 2
    const crowd = memberCount + (memberCount < enough ? askers.countOthers(isMember, enough) : 0)
    return clamp(Math.floor(Math.sqrt(crowd / FIRST_LEASES_SQUARED_PEERS)), 1, max)
  }

  #grant(chunkId: ChunkId, { ask, song, asker, at }: Asking, firstBlocks: number | undefined): Lease {
    noteGrant(asker, at)
    const { peerId, songId, expectedMs } = ask
    const leaseId = `${this.#options.idPrefix}-${(++this.#lastNumber).toString(36)}`
    const lease: Lease = { leaseId, peerId, songId, chunkId, grantedAt: at, expiresAt: at + lifeMs(expectedMs), firstBlocks }
    this.#leases.set(leaseId, lease)
    const ofChunk = song.leasesOf.get(chunkId)
    if (ofChunk === undefined) song.leasesOf.set(chunkId, [lease])
    else ofChunk.push(lease)
    const ofPeer = this.#leasesOfPeer.get(peerId) ?? new Set()
    this.#leasesOfPeer.set(peerId, ofPeer.add(lease))
    this.#counts.granted++
    return lease
  }

  /** The chunk's leases whose time is not over and whose peer lives. */
  #aliveLeases(chunkId: ChunkId, { facts, song, at }: Asking): readonly Lease[] {
    this.#dropExpired(song, chunkId, at)
    for (const { peerId } of [...(song.leasesOf.get(chunkId) ?? [])]) if (!facts.isAlive(peerId)) this.peerFailed(peerId)
    return song.leasesOf.get(chunkId) ?? []
  }

  #dropExpired(song: SongLeases, chunkId: ChunkId, at: Millis): void {
    for (const lease of [...(song.leasesOf.get(chunkId) ?? [])]) if (lease.expiresAt <= at) this.#end(lease, 'expired')
  }

  #end(lease: Lease, result: LeaseEnd): void {
    if (!this.#leases.delete(lease.leaseId)) return
    this.#counts[result]++
    const { songId, chunkId, peerId } = lease
    const ofChunk = this.#songs.get(songId)?.leasesOf
    const others = ofChunk?.get(chunkId)?.filter(each => each !== lease) ?? []
    if (others.length > 0) ofChunk?.set(chunkId, others)
    else ofChunk?.delete(chunkId)
    const ofPeer = this.#leasesOfPeer.get(peerId)
    ofPeer?.delete(lease)
    if (ofPeer?.size === 0) this.#leasesOfPeer.delete(peerId)
  }

  #song(songId: SongId, chunkCount: number): SongLeases {
    const known = this.#songs.get(songId)
    if (known !== undefined) return known
    const song: SongLeases = { chunkCount, askers: new SongAskers(), leasesOf: new Map() }
    this.#songs.set(songId, song)
    return song
  }
}

/** Whole chunks of the song that were granted lately and are not there yet. */
function bringing({ leasesOf }: SongLeases, at: Millis): number {
  let count = 0
  for (const leases of leasesOf.values())
    for (const { firstBlocks, grantedAt } of leases) if (firstBlocks === undefined && at - grantedAt < BRINGING_MS) count++
  return count
}

/** Who still fetches keeps the chunk, though not for ever: one that stalls must not keep it from the rest. */
function renewed(lease: Lease, expectedMs: Millis, at: Millis): Lease {
  lease.expiresAt = Math.max(lease.expiresAt, Math.min(at + lifeMs(expectedMs), lease.grantedAt + RENEWED_LIFE_TIMES * lifeMs(expectedMs)))
  return lease
}

function lifeMs(expectedMs: Millis): Millis {
  return Math.max(LIFE_MIN_MS, LIFE_EXPECTED_TIMES * expectedMs)
}

interface Occupied {
  readonly chunkId: ChunkId
  readonly holder: PeerId | undefined
  readonly leases: readonly Lease[]
  readonly at: Millis
}

/** Whoever waits has someone to take the chunk from, and asks again only in case that one fails. */
function occupied({ chunkId, holder, leases, at }: Occupied): LeaseWait {
  if (holder !== undefined) return { chunkId, reason: 'held', holder, retryAfterMs: RETRY_MAX_MS }
  const lease = leases[0]
  const restMs = lease === undefined ? 0 : lease.expiresAt - at
  return { chunkId, reason: 'leased', holder: lease?.peerId, retryAfterMs: clamp(restMs, RETRY_MIN_MS, RETRY_MAX_MS) }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
