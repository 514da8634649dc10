// What measured worlds are put together from: links in Mbit/s, songs, peers that know nothing yet, services that are up.
// Not worlds: playback-worlds.ts and crowd-worlds.ts have those; and not stories (scenario.ts).
// Invariant: the same words give the same; nothing here draws by chance.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { KIB, MINUTE_MS, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Fault } from '../faults/fault-plan.ts'
import type { LinkPlan } from '../parts/simulated-network.ts'
import type { PeerPlan, SongPlan, WorldPlan } from './world-plan.ts'

const MBIT_BYTES_PER_SECOND = 125_000
/** Half of a way of 10 ms: every round trip between two hosts is 20 ms. */
const LATENCY_MS = 5
const NEAR_LATENCY_MS = 0.05
const CHUNK_SIZE_BYTES = 256 * KIB
const ORIGIN_REQUESTS_MAX = 256
const ORIGIN_DELAY_MS = 2
/** More than any song lasts: a player that takes all it can get. */
export const READS_ALL_MS = 60 * MINUTE_MS

/** 20 ms from any other. */
export function link(downMbit: number, upMbit: number): LinkPlan {
  const [downBytesPerSecond, upBytesPerSecond] = [downMbit * MBIT_BYTES_PER_SECOND, upMbit * MBIT_BYTES_PER_SECOND]
  return { upBytesPerSecond, downBytesPerSecond, latencyMs: LATENCY_MS }
}

/** The same with no round trip to speak of, as between processes of one machine. */
export function near(plan: LinkPlan): LinkPlan {
  return { ...plan, latencyMs: NEAR_LATENCY_MS }
}

export function song(number: number, fileSize: number, byteRateBytesPerSecond: number): SongPlan {
  const shape = { fileSize, chunkSize: CHUNK_SIZE_BYTES, chunkCount: Math.ceil(fileSize / CHUNK_SIZE_BYTES) }
  return { songId: parseSongId(`song-${number}`), shape, byteRateBytesPerSecond, hasBlockHashes: true }
}

/** An honest peer that knows nothing yet. */
export function aPeer(name: string, words: Partial<Omit<PeerPlan, 'peerId'>> & Pick<PeerPlan, 'link'>): PeerPlan {
  const machine = { slotsMax: 4, storeDelayMs: 2, connectionsMax: 30, timerLagMs: 0, tellsOwnHangUps: true }
  return { peerId: parsePeerId(name), joinsAt: 0, ...machine, songs: [], listens: [], ...words }
}

export interface WorldWords extends Pick<WorldPlan, 'songs' | 'peers'> {
  readonly lastsMs: Millis
  readonly healsAt?: Millis
  readonly originMbit?: number
  readonly adversaries?: WorldPlan['adversaries']
  readonly faults?: readonly Fault[]
}

export function aWorld({
  songs,
  peers,
  lastsMs,
  healsAt = lastsMs,
  originMbit = 100,
  adversaries = [],
  faults = [],
}: WorldWords): WorldPlan {
  const services = link(1000, 1000)
  const origin = { link: link(originMbit, originMbit), requestsMax: ORIGIN_REQUESTS_MAX, firstByteDelayMs: ORIGIN_DELAY_MS }
  const all = { songs, peers, adversaries, origin, tracker: { link: services }, metadata: { link: services }, faults }
  return { ...all, healsAt, endsAt: lastsMs, engine: {} }
}

/** The world with its services beside everybody. */
export function withServicesNear(world: WorldPlan): WorldPlan {
  const { origin, tracker, metadata } = world
  const nearBy = <T extends { readonly link: LinkPlan }>(service: T): T => ({ ...service, link: near(service.link) })
  return { ...world, origin: nearBy(origin), tracker: nearBy(tracker), ...(metadata === undefined ? {} : { metadata: nearBy(metadata) }) }
}

/** Seconds of music as bytes. */
export function musicBytes(durationMs: number, byteRateBytesPerSecond: number): number {
  return Math.round((durationMs / SECOND_MS) * byteRateBytesPerSecond)
}
