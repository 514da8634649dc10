// What the Scheduler knows at a moment, as plain JSON for dashboards, logs and checkers.
// Not a way to restore it.
// Invariant: taking one changes nothing.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { PriorityClass, Source } from './commands.ts'
import type { EngineState } from './engine-state.ts'
import type { Interest } from './events.ts'
import type { Ahead } from './songs/song-state.ts'

export interface SongSnapshot {
  readonly songId: SongId
  readonly interest: Interest
  readonly chunkCount: number
  readonly chunksHeld: number
  readonly chunksWanted: number
  readonly readerCount: number
  /** How much of it is wanted because its turn to be played comes soon. */
  readonly ahead: Ahead
  readonly isInconsistent: boolean
  readonly inProgress: readonly {
    readonly chunkId: ChunkId
    readonly phase: string
    readonly blocksHere: number
    readonly blockCount: number
  }[]
  readonly neighbours: readonly { readonly peerId: PeerId; readonly chunksHeld: number; readonly chunksArriving: number }[]
}

export interface RequestSnapshot {
  readonly requestId: number
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly source: Source
  readonly priority: PriorityClass
  readonly askedAt: Millis
  readonly receivedBytes: number
  readonly isHedge: boolean
}

export interface PeerSnapshot {
  readonly peerId: PeerId
  readonly rateBytesPerSecond?: number
  readonly roundTripMs?: number
  readonly openRequests: number
  readonly failures: number
  readonly strikes: number
  readonly pausedUntil: Millis
  readonly busyUntil: Millis
  readonly bannedUntil: Millis
}

export interface SchedulerSnapshot {
  readonly at: Millis
  readonly songs: readonly SongSnapshot[]
  readonly requests: readonly RequestSnapshot[]
  readonly peers: readonly PeerSnapshot[]
  readonly origin: {
    readonly failures: number
    readonly retryAt: Millis
    readonly openRequests: number
    readonly rateBytesPerSecond?: number
  }
  /** The songs to come, in their order. */
  readonly queue: readonly SongId[]
  /** Bytes that came for nothing because two sources were asked. */
  readonly hedgeWastedBytes: number
}

export function snapshotOf(state: EngineState): Omit<SchedulerSnapshot, 'queue'> {
  const { now, origin, config, hedges } = state
  return {
    at: now,
    songs: [...state.songs.all()].map(song => ({
      songId: song.songId,
      interest: song.interest,
      chunkCount: song.shape.chunkCount,
      chunksHeld: song.held.count,
      chunksWanted: song.wantedCount,
      readerCount: song.window.readerCount,
      ahead: song.ahead,
      isInconsistent: song.isInconsistent,
      inProgress: [...song.progress.values()].map(({ chunkId, phase, blocksHere, blockCount }) => ({
        chunkId,
        phase,
        blocksHere,
        blockCount,
      })),
      neighbours: [...state.peers.holdingsOf(song.songId).values()].map(({ peerId, chunks, arriving }) => ({
        peerId,
        chunksHeld: chunks.count,
        chunksArriving: arriving.size,
      })),
    })),
    requests: [...state.requests.all()].map(request => ({
      requestId: request.requestId,
      songId: request.song.songId,
      chunkId: request.chunk.chunkId,
      ...request.run,
      source: request.source,
      priority: request.priority,
      askedAt: request.askedAt,
      receivedBytes: request.receivedBytes,
      isHedge: request.hedgeOf !== undefined,
    })),
    peers: [...state.health.records()].map(record => ({
      peerId: record.peerId,
      ...known('rateBytesPerSecond', record.pace.rateBytesPerSecond(now, config.rateTrustMs)),
      ...known('roundTripMs', record.pace.roundTripMs),
      openRequests: record.pace.openRequests,
      failures: record.failures,
      strikes: record.strikes,
      pausedUntil: record.pausedUntil,
      busyUntil: record.busyUntil,
      bannedUntil: record.bannedUntil,
    })),
    origin: {
      failures: origin.failures,
      retryAt: Math.max(0, origin.retryAt),
      openRequests: origin.pace.openRequests,
      ...known('rateBytesPerSecond', origin.pace.rateBytesPerSecond(now, config.rateTrustMs)),
    },
    hedgeWastedBytes: hedges.wastedBytes,
  }
}

function known<Name extends string>(name: Name, value: number | undefined): { [key in Name]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: number })
}
