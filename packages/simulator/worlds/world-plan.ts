// A whole world as plain data: songs, peers, adversaries, services, faults and how long it may take.
// Not how it is made (scenario.ts by hand, world-draw.ts from a seed) nor how it runs (simulation.ts).
// Invariant: a plan is JSON, so a trace's first line is enough to play the run again.

import type { PeerId, SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import type { Millis } from '@evastream/core/units'
import type { EngineConfig } from '@evastream/engine/config'
import type { Interest } from '@evastream/engine/events'
import type { Fault } from '../faults/fault-plan.ts'
import type { Manner } from '../parts/simulated-adversary.ts'
import type { LinkPlan } from '../parts/simulated-network.ts'
import type { OriginOptions } from '../parts/simulated-origin.ts'

/** A manifest that contradicts itself about one chunk: its hash, or the hashes of its blocks, are those of other bytes. */
export interface Flaw {
  readonly chunkId: number
  readonly wrong: 'chunk-hash' | 'block-hashes'
}

export interface SongPlan {
  readonly songId: SongId
  readonly shape: SongShape
  readonly byteRateBytesPerSecond: number
  readonly hasBlockHashes: boolean
  readonly flaw?: Flaw
}

/**
 * A listener at a peer: presses play, may jump, may leave. Times count from the peer's start.
 * A song that the peer does not have yet is looked up when play is pressed, as at a cold start.
 */
export interface ListenPlan {
  readonly songId: SongId
  readonly startsAfterMs: number
  readonly fromBytes: number
  readonly jumps: readonly { readonly afterMs: number; readonly toBytes: number }[]
  readonly stopsAfterMs?: number
  /** How much music (ms) the player reads before what is heard; two seconds when absent. */
  readonly readAheadMs?: number
  /** The songs that are played next, told to the peer when play is pressed. */
  readonly queue?: readonly SongId[]
}

export interface PeerPlan {
  readonly peerId: PeerId
  readonly link: LinkPlan
  readonly joinsAt: Millis
  readonly leavesAt?: Millis
  readonly slotsMax: number
  /** How long hashing and writing a chunk takes. */
  readonly storeDelayMs: number
  readonly connectionsMax: number
  /** Timers of its process fire up to this late, as those of a busy process do, and a millisecond early now and then. */
  readonly timerLagMs: number
  /** Whether a connection it closes itself (a ban) is told to its Scheduler as lost. */
  readonly tellsOwnHangUps: boolean
  readonly songs: readonly { readonly songId: SongId; readonly interest: Interest; readonly heldAtStart: readonly number[] }[]
  readonly listens: readonly ListenPlan[]
}

export interface AdversaryPlan {
  readonly peerId: PeerId
  readonly manner: Manner
  readonly link: LinkPlan
  readonly joinsAt: Millis
  /** It asks for leases of everything, over and over, and brings nothing. */
  readonly takesLeases?: boolean
}

export interface WorldPlan {
  readonly songs: readonly SongPlan[]
  readonly peers: readonly PeerPlan[]
  readonly adversaries: readonly AdversaryPlan[]
  readonly origin: OriginOptions & { readonly link: LinkPlan }
  /** `originCopies`: one, when absent. */
  readonly tracker: { readonly link: LinkPlan; readonly originCopies?: number }
  /** As the tracker's, when absent. */
  readonly metadata?: { readonly link: LinkPlan }
  readonly faults: readonly Fault[]
  /** When every fault has ended and every adversary has left. */
  readonly healsAt: Millis
  /** When everything wanted must be there. */
  readonly endsAt: Millis
  /** Numbers given to every Scheduler in place of the defaults. */
  readonly engine: Partial<EngineConfig>
}
