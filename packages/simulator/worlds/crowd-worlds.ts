// Flash crowds, each under a name and drawn from a seed: everybody presses play on the same song at the same moment, and nobody has any of it.
// Not what is good enough (the bench has the bars) and not how a run is judged (crowd-figures.ts).
// Invariant: the same name and seed give the same world; links are what the description says.

import type { PeerId, SongId } from '@evastream/core/ids'
import { type Random, seededRandom } from '@evastream/core/random'
import { BLOCK_SIZE_BYTES, MIB, MINUTE_MS, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Fault } from '../faults/fault-plan.ts'
import { oneCopyBoundMs } from './crowd-bound.ts'
import { aPeer, aWorld, link, near, READS_ALL_MS, song, withServicesNear } from './world-parts.ts'
import type { PeerPlan, SongPlan, WorldPlan } from './world-plan.ts'

export interface CrowdWorld {
  /** One sentence for people. */
  readonly about: string
  plan(seed: number): WorldPlan
}

/** 16 MiB in 64 chunks, at 320 kbit/s. */
const SONG = song(1, 16 * MIB, 40_000)
/** Songs of one block, heard before: of each, one half of the peers had it from the other, and so everybody knows half of the others. */
const EARLIER_SONGS: readonly [SongPlan, SongPlan] = [song(2, BLOCK_SIZE_BYTES, 40_000), song(3, BLOCK_SIZE_BYTES, 40_000)]
const ORIGIN_MBIT = 50
const DOWN_MBIT = 50
const EVEN_MBIT: readonly number[] = [20]
const MIXED_MBIT: readonly number[] = [2, 5, 10, 20, 40, 50]
/** Everybody is up, known to the tracker, and presses play within this time (ms) after that moment. */
const PRESS_AT: Millis = 5 * SECOND_MS
const PRESS_WITHIN_MS = 50
/** When everybody has told the tracker which earlier song it holds. */
const EARLIER_PRESS_AT: Millis = 1500
const TRACKER_GONE_AT: Millis = PRESS_AT - SECOND_MS
const KILLED_RATIO = 0.2

interface CrowdWords {
  readonly peerCount: number
  /** Uplinks in Mbit/s, dealt in turns. */
  readonly uplinksMbit?: readonly number[]
  /** No round trip to speak of. */
  readonly isNear?: boolean
  readonly killed?: 'loudly' | 'silently'
  readonly isTrackerless?: boolean
}

function crowd(seed: number, words: CrowdWords): WorldPlan {
  const { peerCount, uplinksMbit = EVEN_MBIT, isNear = false, killed, isTrackerless = false } = words
  const random = seededRandom(seed)
  const uplinks = random.shuffled(Array.from({ length: peerCount }, (_, index) => uplinksMbit[index % uplinksMbit.length] ?? 0))
  const peers = uplinks.map((upMbit, index) => {
    const peerLink = link(DOWN_MBIT, upMbit)
    const listens = [listenOf(random, SONG.songId, PRESS_AT)]
    const songs = []
    if (isTrackerless) {
      const [held, sought] = EARLIER_SONGS
      const [own, others] = index % 2 === 0 ? [held, sought] : [sought, held]
      songs.push({ songId: own.songId, interest: 'idle' as const, heldAtStart: [0] })
      listens.push(listenOf(random, others.songId, EARLIER_PRESS_AT))
    }
    return aPeer(`peer-${index + 1}`, { link: isNear ? near(peerLink) : peerLink, songs, listens })
  })
  const originBytesPerSecond = link(ORIGIN_MBIT, ORIGIN_MBIT).upBytesPerSecond
  const boundMs = oneCopyBoundMs({ fileSize: SONG.shape.fileSize, originBytesPerSecond, links: peers.map(peer => peer.link) })
  const midwayAt = PRESS_AT + boundMs / 2
  const faults: Fault[] = []
  if (isTrackerless) faults.push({ kind: 'tracker-down', at: TRACKER_GONE_AT, until: TRACKER_GONE_AT + 60 * MINUTE_MS })
  if (killed !== undefined) faults.push(killing(random, peers, { at: midwayAt, isSilent: killed === 'silently' }))
  const songs = isTrackerless ? [SONG, ...EARLIER_SONGS] : [SONG]
  const lastsMs = PRESS_AT + 20 * boundMs
  const world = aWorld({ songs, peers, faults, originMbit: ORIGIN_MBIT, healsAt: midwayAt, lastsMs })
  return isNear ? withServicesNear(world) : world
}

function listenOf(random: Random, songId: SongId, pressAt: Millis): PeerPlan['listens'][number] {
  return {
    songId,
    startsAfterMs: pressAt + random.below(PRESS_WITHIN_MS),
    fromBytes: 0,
    jumps: [],
    readAheadMs: READS_ALL_MS,
  }
}

function killing(random: Random, peers: readonly PeerPlan[], how: { readonly at: Millis; readonly isSilent: boolean }): Fault {
  const peerIds: readonly PeerId[] = random.shuffled(peers.map(({ peerId }) => peerId))
  return { kind: 'peers-killed', peerIds, count: Math.round(peers.length * KILLED_RATIO), ...how }
}

function world(about: string, words: CrowdWords): CrowdWorld {
  return { about: `${words.peerCount} listeners press play together; ${about}`, plan: seed => crowd(seed, words) }
}

const EVEN = '20 Mbit/s up, 50 down, origin 50, 20 ms'
const MIXED = 'uplinks mixed from 2 to 50 Mbit/s, 50 down, origin 50, 20 ms'

export const CROWD_WORLDS = Object.freeze({
  'crowd-one-copy-6': world('20 Mbit/s up, 50 down, origin 50, no round trip', { peerCount: 6, isNear: true }),
  'crowd-one-copy-12': world('20 Mbit/s up, 50 down, origin 50, no round trip', { peerCount: 12, isNear: true }),
  'crowd-one-copy-6-mixed': world('uplinks of 2, 5, 10, 20, 40 and 50 Mbit/s, 50 down, origin 50, no round trip', {
    peerCount: 6,
    uplinksMbit: MIXED_MBIT,
    isNear: true,
  }),
  'crowd-one-copy-50': world(EVEN, { peerCount: 50 }),
  'crowd-one-copy-100': world(EVEN, { peerCount: 100 }),
  'crowd-one-copy-200': world(EVEN, { peerCount: 200 }),
  'crowd-one-copy-500': world(EVEN, { peerCount: 500 }),
  'crowd-one-copy-50-mixed': world(MIXED, { peerCount: 50, uplinksMbit: MIXED_MBIT }),
  'crowd-one-copy-100-mixed': world(MIXED, { peerCount: 100, uplinksMbit: MIXED_MBIT }),
  'crowd-one-copy-200-mixed': world(MIXED, { peerCount: 200, uplinksMbit: MIXED_MBIT }),
  'crowd-one-copy-500-mixed': world(MIXED, { peerCount: 500, uplinksMbit: MIXED_MBIT }),
  'crowd-killed-50': world(`${EVEN}; 20 % are killed midway, those first whom the origin is sending to`, {
    peerCount: 50,
    killed: 'loudly',
  }),
  'crowd-powerless-50': world(`${EVEN}; 20 % lose power midway, those first whom the origin is sending to`, {
    peerCount: 50,
    killed: 'silently',
  }),
  'crowd-trackerless-50': world(`${EVEN}; they know each other, and the tracker is down the whole time`, {
    peerCount: 50,
    isTrackerless: true,
  }),
} satisfies Readonly<Record<string, CrowdWorld>>)

export type CrowdWorldName = keyof typeof CROWD_WORLDS

export function isCrowdWorldName(value: string): value is CrowdWorldName {
  return Object.hasOwn(CROWD_WORLDS, value)
}
