// What an onlooker can know of one Scheduler's affairs, kept from its events and commands alone.
// Not the Scheduler's state, on purpose: two sets of books that agree are worth more than one.
// Invariant: events are noted before the commands they caused; a rule sees the books as they stood before its command.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, type SongShape } from '@evastream/core/manifest'
import type { Millis } from '@evastream/core/units'
import type { RequestBlocks, SchedulerCommand, Source } from '@evastream/engine/commands'
import type { PeerListed, RequestFailed, SchedulerEvent, SongAdded } from '@evastream/engine/events'

export interface ChunkBook {
  /** Blocks that are in the buffer. */
  readonly arrived: Set<number>
  /** When the first of them came. */
  firstBlockAt: Millis | undefined
  isCompleting: boolean
}

export interface SongBook {
  readonly shape: SongShape
  readonly hasBlockHashes: boolean
  readonly held: Set<ChunkId>
  readonly chunks: Map<ChunkId, ChunkBook>
  /** What each peer is said to hold. */
  readonly toldBy: Map<PeerId, Set<ChunkId>>
  /** What each is receiving itself, since when it says so, and which blocks it has. */
  readonly arrivingAt: Map<PeerId, Map<ChunkId, { readonly since: Millis; readonly blocks: readonly number[] }>>
}

export interface OpenRequest {
  readonly request: RequestBlocks
  readonly since: Millis
}

export class PeerBooks {
  readonly songs = new Map<SongId, SongBook>()
  readonly open = new Map<number, OpenRequest>()
  readonly askedIds = new Set<number>()
  readonly bannedUntil = new Map<PeerId, Millis>()
  /** Who said "later", when, and for how long. */
  readonly closed = new Map<string, { readonly at: Millis; readonly forMs: number }>()
  /** Leases that were granted and not given back, by their ids. */
  readonly leases = new Map<string, { readonly songId: SongId; readonly chunkId: ChunkId; readonly expiresAt: Millis }>()
  readonly #saidItself = new Set<PeerId>()

  /** The chunks of which something is asked for, arrived, or being stored. */
  chunksInProgress(): Set<string> {
    const keys = new Set<string>()
    for (const { request } of this.open.values()) keys.add(`${request.songId}/${request.chunkId}`)
    for (const [songId, song] of this.songs)
      for (const [chunkId, chunk] of song.chunks) if (chunk.arrived.size > 0 || chunk.isCompleting) keys.add(`${songId}/${chunkId}`)
    return keys
  }

  noteEvent(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'song-added':
        this.#addSong(event)
        return
      case 'song-removed':
        this.songs.delete(event.songId)
        return
      case 'peer-listed':
        this.#noteListing(event)
        return
      case 'peer-has':
        for (const chunkId of event.chunkIds) this.#noteHeld(event.songId, event.peerId, chunkId)
        return
      case 'peer-arriving':
        for (const chunk of event.chunks) this.#noteArriving(event.songId, event.peerId, { ...chunk, at: event.at })
        return
      case 'peer-lacks':
        for (const chunkId of event.chunkIds) this.#noteLacked(event.songId, event.peerId, chunkId)
        return
      case 'peer-lost':
        this.#losePeer(event.peerId)
        return
      case 'blocks-verified':
        for (let block = event.firstBlock; block < event.firstBlock + event.blockCount; block++)
          this.#noteBlock(event.requestId, block, event.at)
        return
      case 'request-finished':
        this.#finish(event.requestId, event.at)
        return
      case 'request-failed':
        this.#fail(event)
        return
      case 'chunk-stored':
      case 'chunk-rejected':
        this.songs.get(event.songId)?.chunks.delete(event.chunkId)
        if (event.kind === 'chunk-stored') this.songs.get(event.songId)?.held.add(event.chunkId)
        return
      case 'chunk-unstored': {
        const chunk = this.songs.get(event.songId)?.chunks.get(event.chunkId)
        if (chunk !== undefined) chunk.isCompleting = false
        return
      }
      case 'chunk-lost':
        this.songs.get(event.songId)?.held.delete(event.chunkId)
        return
      case 'leases-answered':
        for (const { leaseId, chunkId, expiresInMs } of event.granted)
          this.leases.set(leaseId, { songId: event.songId, chunkId, expiresAt: event.at + expiresInMs })
        for (const { reason, holder, chunkId } of event.waiting)
          if (reason === 'held' && holder !== undefined) this.#noteHeld(event.songId, holder, chunkId)
        return
      case 'leases-unavailable':
      case 'bytes-arrived':
      case 'interest-changed':
      case 'peers-found':
      case 'peers-unfound':
      case 'playback-moved':
      case 'queue-changed':
      case 'leasing-changed':
      case 'playback-stopped':
      case 'woke':
        return
    }
  }

  noteCommand(command: SchedulerCommand, at: Millis): void {
    switch (command.kind) {
      case 'request-blocks':
        this.open.set(command.requestId, { request: command, since: at })
        this.askedIds.add(command.requestId)
        return
      case 'cancel-request':
        this.open.delete(command.requestId)
        return
      case 'complete-chunk': {
        const chunk = this.#chunk(command.songId, command.chunkId)
        if (chunk !== undefined) chunk.isCompleting = true
        return
      }
      case 'discard-chunk':
        this.songs.get(command.songId)?.chunks.delete(command.chunkId)
        return
      case 'ban-peer':
        this.bannedUntil.set(command.peerId, at + command.durationMs)
        this.#losePeer(command.peerId)
        return
      case 'return-origin-leases':
        for (const leaseId of command.leaseIds) this.leases.delete(leaseId)
        return
      case 'request-origin-leases':
      case 'find-peers':
      case 'report-peer':
      case 'report-trouble':
        return
    }
  }

  #addSong({ songId, shape, hasBlockHashes, heldChunkIds }: SongAdded): void {
    this.songs.set(songId, {
      shape,
      hasBlockHashes,
      held: new Set(heldChunkIds),
      chunks: new Map(),
      toldBy: new Map(),
      arrivingAt: new Map(),
    })
  }

  #noteListing({ songId, peerId, chunkIds, told }: PeerListed): void {
    const song = this.songs.get(songId)
    if (song === undefined) return
    const isUnion = told === 'tracker' && this.#saidItself.has(peerId)
    const before = isUnion ? (song.toldBy.get(peerId) ?? []) : []
    song.toldBy.set(peerId, new Set([...before, ...chunkIds]))
    if (told === 'peer') {
      this.#saidItself.add(peerId)
      song.arrivingAt.delete(peerId)
    }
  }

  #noteHeld(songId: SongId, peerId: PeerId, chunkId: ChunkId): void {
    this.#told(songId, peerId)?.add(chunkId)
    this.songs.get(songId)?.arrivingAt.get(peerId)?.delete(chunkId)
  }

  #noteArriving(songId: SongId, peerId: PeerId, news: ArrivingChunk & { readonly at: Millis }): void {
    const song = this.songs.get(songId)
    if (song === undefined) return
    this.#told(songId, peerId)?.delete(news.chunkId)
    const arriving = song.arrivingAt.get(peerId) ?? new Map()
    song.arrivingAt.set(peerId, arriving)
    arriving.set(news.chunkId, { since: arriving.get(news.chunkId)?.since ?? news.at, blocks: news.blocks })
  }

  #noteLacked(songId: SongId, peerId: PeerId, chunkId: ChunkId): void {
    this.#told(songId, peerId)?.delete(chunkId)
    this.songs.get(songId)?.arrivingAt.get(peerId)?.delete(chunkId)
  }

  #told(songId: SongId, peerId: PeerId): Set<ChunkId> | undefined {
    const song = this.songs.get(songId)
    if (song === undefined) return undefined
    const chunkIds = song.toldBy.get(peerId) ?? new Set()
    song.toldBy.set(peerId, chunkIds)
    return chunkIds
  }

  #losePeer(peerId: PeerId): void {
    this.#saidItself.delete(peerId)
    for (const song of this.songs.values()) song.arrivingAt.delete(peerId)
    for (const [requestId, { request }] of this.open)
      if (request.source.kind === 'peer' && request.source.peerId === peerId) this.open.delete(requestId)
  }

  #noteBlock(requestId: number, block: number, at: Millis): void {
    const request = this.open.get(requestId)?.request
    const chunk = request === undefined ? undefined : this.#chunk(request.songId, request.chunkId)
    if (chunk === undefined) return
    chunk.arrived.add(block)
    chunk.firstBlockAt ??= at
  }

  #finish(requestId: number, at: Millis): void {
    const request = this.open.get(requestId)?.request
    this.open.delete(requestId)
    if (request === undefined) return
    const chunk = this.#chunk(request.songId, request.chunkId)
    if (chunk === undefined) return
    chunk.firstBlockAt ??= at
    for (let block = request.firstBlock; block < request.firstBlock + request.blockCount; block++) chunk.arrived.add(block)
  }

  #fail({ requestId, retryAfterMs, at, code }: RequestFailed): void {
    const request = this.open.get(requestId)?.request
    this.open.delete(requestId)
    if (request === undefined || retryAfterMs === undefined) return
    // What the own network says of a peer it cannot dial just now is advice, not the peer's word.
    if (request.source.kind === 'peer' && code !== 'EVA_PEER_BUSY') return
    const name = sourceName(request.source)
    this.closed.set(name, { at, forMs: retryAfterMs })
  }

  #chunk(songId: SongId, chunkId: ChunkId): ChunkBook | undefined {
    const song = this.songs.get(songId)
    if (song === undefined) return undefined
    const chunk = song.chunks.get(chunkId) ?? { arrived: new Set(), firstBlockAt: undefined, isCompleting: false }
    song.chunks.set(chunkId, chunk)
    return chunk
  }
}

export function sourceName(source: Source): string {
  return source.kind === 'origin' ? 'the origin' : source.peerId
}

/** The blocks of a request that have not arrived, from any source. */
export function blocksOf(request: RequestBlocks): number[] {
  return Array.from({ length: request.blockCount }, (_, index) => request.firstBlock + index)
}

/** Whether the run lies inside its chunk. */
export function isRunOf(song: SongBook, request: RequestBlocks): boolean {
  const { chunkId, firstBlock, blockCount } = request
  if (!Number.isInteger(chunkId) || chunkId < 0 || chunkId >= song.shape.chunkCount) return false
  return firstBlock >= 0 && blockCount >= 1 && firstBlock + blockCount <= blockCountOf(song.shape, chunkId)
}
