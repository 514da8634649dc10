// Worlds made by hand, in words that read like the story they tell.
// Not random ones: world-draw.ts draws those from a seed.
// Invariant: a scenario is calm unless it says otherwise: fast links, honest peers, services up.

import { type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { KIB, MIB, MINUTE_MS, type Millis } from '@evastream/core/units'
import type { EngineConfig } from '@evastream/engine/config'
import { endOf, type Fault } from '../faults/fault-plan.ts'
import type { Manner } from '../parts/simulated-adversary.ts'
import type { LinkPlan } from '../parts/simulated-network.ts'
import { type Outcome, type SimulationOptions, simulate } from '../simulation.ts'
import type { AdversaryPlan, ListenPlan, PeerPlan, SongPlan, WorldPlan } from './world-plan.ts'

export interface SongWords {
  readonly chunkCount?: number
  readonly chunkSizeBytes?: number
  readonly lastChunkBytes?: number
  readonly byteRateBytesPerSecond?: number
  readonly hasBlockHashes?: boolean
  readonly flaw?: SongPlan['flaw']
}

export interface PeerWords {
  readonly joinsAt?: Millis
  readonly leavesAt?: Millis
  /** Nothing, unless said otherwise. */
  readonly holds?: 'everything' | 'nothing' | readonly number[]
  /** `seed` fetches all, `idle` only what is listened to. */
  readonly interest?: 'seed' | 'idle'
  readonly link?: LinkPlan
  readonly listens?: readonly Omit<ListenPlan, 'songId' | 'jumps'>[]
}

interface AdversaryWords {
  readonly manner: Manner
  readonly joinsAt: Millis
  /** It asks for leases of everything, and brings nothing. */
  readonly takesLeases: boolean
}

const FAST_LINK: LinkPlan = { upBytesPerSecond: 2 * MIB, downBytesPerSecond: 4 * MIB, latencyMs: 10 }
const SERVICE_LINK: LinkPlan = { upBytesPerSecond: 6 * MIB, downBytesPerSecond: 6 * MIB, latencyMs: 5 }
const SONG_ID = parseSongId('song-1')

export function scenario(): Scenario {
  return new Scenario()
}

export class Scenario {
  #song: SongPlan = songOf({})
  readonly #peers: { readonly peerId: PeerId; readonly words: PeerWords }[] = []
  readonly #adversaries: AdversaryWords[] = []
  readonly #faults: Fault[] = []
  #limitMs = 5 * MINUTE_MS
  #engine: Partial<EngineConfig> = {}

  /** Publishes the one song of this world. */
  song(words: SongWords): this {
    this.#song = songOf(words)
    return this
  }

  peer(name: string, words: PeerWords = {}): this {
    this.#peers.push({ peerId: parsePeerId(name), words })
    return this
  }

  /** peer-1 to peer-N, each this long after the one before. */
  peers(count: number, words: PeerWords & { readonly everyMs?: number } = {}): this {
    const { everyMs = 0, joinsAt = 0 } = words
    for (let index = 0; index < count; index++) this.peer(`peer-${index + 1}`, { ...words, joinsAt: joinsAt + index * everyMs })
    return this
  }

  adversary(manner: Manner, words: Partial<Omit<AdversaryWords, 'manner'>> = {}): this {
    this.#adversaries.push({ manner, joinsAt: 0, takesLeases: false, ...words })
    return this
  }

  fault(fault: Fault): this {
    this.#faults.push(fault)
    return this
  }

  /** From then on nobody reaches the origin any more. */
  originDies(at: Millis = 0): this {
    return this.fault({ kind: 'origin-trouble', trouble: 'refuses', at, until: Number.MAX_SAFE_INTEGER })
  }

  everybodyIsDoneWithin(limitMs: number): this {
    this.#limitMs = limitMs
    return this
  }

  withEngine(engine: Partial<EngineConfig>): this {
    this.#engine = engine
    return this
  }

  plan(): WorldPlan {
    const peers = this.#peers.map(({ peerId, words }) => peerOf(peerId, words, this.#song))
    const isCalm = this.#adversaries.length === 0 && this.#faults.every(fault => endOf(fault) > this.#limitMs)
    const lastJoinAt = Math.max(0, ...peers.map(({ joinsAt }) => joinsAt))
    return {
      songs: [this.#song],
      peers,
      adversaries: this.#adversaries.map((words, index) => adversaryOf(index + 1, words)),
      origin: { link: SERVICE_LINK, requestsMax: 64, firstByteDelayMs: 5 },
      tracker: { link: SERVICE_LINK },
      faults: this.#faults,
      healsAt: isCalm ? lastJoinAt : lastJoinAt + this.#limitMs / 2,
      endsAt: lastJoinAt + this.#limitMs,
      engine: this.#engine,
    }
  }

  run(options: Omit<SimulationOptions, 'plan' | 'seed'> & { readonly seed?: number } = {}): Outcome {
    return simulate({ seed: 1, ...options, plan: this.plan() })
  }
}

function songOf(words: SongWords): SongPlan {
  const { chunkCount = 16, chunkSizeBytes = 256 * KIB, lastChunkBytes = chunkSizeBytes } = words
  const { byteRateBytesPerSecond = 40_000, hasBlockHashes = true, flaw } = words
  const fileSize = (chunkCount - 1) * chunkSizeBytes + lastChunkBytes
  const song = { songId: SONG_ID, shape: { fileSize, chunkSize: chunkSizeBytes, chunkCount }, byteRateBytesPerSecond, hasBlockHashes }
  return flaw === undefined ? song : { ...song, flaw }
}

function peerOf(peerId: PeerId, words: PeerWords, song: SongPlan): PeerPlan {
  const { joinsAt = 0, holds = 'nothing', interest = 'seed', link = FAST_LINK, listens = [], leavesAt } = words
  const all = Array.from({ length: song.shape.chunkCount }, (_, chunkId) => chunkId)
  const heldAtStart = holds === 'everything' ? all : holds === 'nothing' ? [] : holds
  const plan: PeerPlan = {
    peerId,
    link,
    joinsAt,
    slotsMax: 3,
    storeDelayMs: 2,
    connectionsMax: 30,
    timerLagMs: 0,
    tellsOwnHangUps: true,
    songs: [{ songId: song.songId, interest, heldAtStart }],
    listens: listens.map(listen => ({ ...listen, songId: song.songId satisfies SongId, jumps: [] })),
  }
  return leavesAt === undefined ? plan : { ...plan, leavesAt }
}

function adversaryOf(number: number, words: AdversaryWords): AdversaryPlan {
  return { peerId: parsePeerId(`adversary-${number}`), link: FAST_LINK, ...words }
}
