// Worlds of listeners, each under a name and drawn from a seed: what the playback figures are taken from.
// Not what is good enough (bench/playback has the bars) and not stories with one point each (stories.ts).
// Invariant: the same name and seed give the same world; links are what the description says.

import { parsePeerId, type SongId } from '@evastream/core/ids'
import { type Random, seededRandom } from '@evastream/core/random'
import { MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import type { Fault } from '../faults/fault-plan.ts'
import type { Manner } from '../parts/simulated-adversary.ts'
import type { LinkPlan } from '../parts/simulated-network.ts'
import { aWorld, link, musicBytes, near, aPeer as peerWith, READS_ALL_MS, song as songOfSize, withServicesNear } from './world-parts.ts'
import type { ListenPlan, PeerPlan, SongPlan, WorldPlan } from './world-plan.ts'

export interface PlaybackWorld {
  /** One sentence for people. */
  readonly about: string
  plan(seed: number): WorldPlan
}

/** 320 and 128 kbit/s. */
const FULL_RATE_BYTES_PER_SECOND = 40_000
const LEAN_RATE_BYTES_PER_SECOND = 16_000
/** Players as they are: one that reads a little ahead, one that fills a buffer, and one that takes all it can get. */
const READ_AHEADS_MS = [2 * SECOND_MS, 30 * SECOND_MS, READS_ALL_MS]

const HOME = link(10, 10)

function song(number: number, durationMs: number, byteRateBytesPerSecond = FULL_RATE_BYTES_PER_SECOND): SongPlan {
  return songOfSize(number, musicBytes(durationMs, byteRateBytesPerSecond), byteRateBytesPerSecond)
}

function album(count: number, durationMs: number): SongPlan[] {
  return Array.from({ length: count }, (_, index) => song(index + 1, durationMs))
}

function aPeer(name: string, words: Partial<Omit<PeerPlan, 'peerId'>> = {}): PeerPlan {
  return peerWith(name, { link: HOME, ...words })
}

function aHolder(name: string, songs: readonly SongPlan[], peerLink = HOME): PeerPlan {
  const held = songs.map(({ songId, shape }) => ({
    songId,
    interest: 'idle' as const,
    heldAtStart: Array.from({ length: shape.chunkCount }, (_, chunkId) => chunkId),
  }))
  return aPeer(name, { link: peerLink, songs: held })
}

/** Plays the song from its start, some time after the peer is up and known to the tracker. */
function aPlay(songId: SongId, startsAfterMs: number, random: Random): ListenPlan {
  return { songId, startsAfterMs, fromBytes: 0, jumps: [], readAheadMs: random.pick(READ_AHEADS_MS) ?? SECOND_MS }
}

/** Peers that press play on one song, so many after another, a while apart. */
function staggered(count: number, everyMs: number, make: (startsAfterMs: number, index: number) => PeerPlan, random: Random): PeerPlan[] {
  return Array.from({ length: count }, (_, index) => make(SECOND_MS + index * everyMs + random.below(everyMs), index))
}

function calm(seed: number, peerLink: LinkPlan): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, 3 * MINUTE_MS)
  const make = (startsAfterMs: number, index: number) =>
    aPeer(`peer-${index + 1}`, { link: peerLink, listens: [aPlay(one.songId, startsAfterMs, random)] })
  return aWorld({ songs: [one], peers: staggered(30, 6 * SECOND_MS, make, random), lastsMs: 7 * MINUTE_MS })
}

function coldAlone(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, MINUTE_MS * (1 + random.below(4)))
  const listener = aPeer('peer-1', { listens: [aPlay(one.songId, SECOND_MS + random.below(SECOND_MS), random)] })
  return aWorld({ songs: [one], peers: [listener], lastsMs: 5 * MINUTE_MS })
}

function coldSwarm(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, 2 * MINUTE_MS)
  const holders = Array.from({ length: 8 }, (_, index) => aHolder(`holder-${index + 1}`, [one]))
  const make = (startsAfterMs: number, index: number) => aPeer(`peer-${index + 1}`, { listens: [aPlay(one.songId, startsAfterMs, random)] })
  return aWorld({ songs: [one], peers: [...holders, ...staggered(10, 10 * SECOND_MS, make, random)], lastsMs: 4 * MINUTE_MS })
}

function prefetched(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const songs = album(4, 90 * SECOND_MS)
  const make = (startsAfterMs: number, index: number): PeerPlan => {
    const [first, ...queue] = random.shuffled(songs.map(({ songId }) => songId))
    return aPeer(`peer-${index + 1}`, { listens: first === undefined ? [] : [{ ...aPlay(first, startsAfterMs, random), queue }] })
  }
  return aWorld({ songs, peers: staggered(10, 20 * SECOND_MS, make, random), lastsMs: 10 * MINUTE_MS })
}

/** Of 100 that are here, 70 are left a minute later; half of those who go lose power, and nobody hears of it. */
const LEAVING_PER_MINUTE = -Math.log(0.7)

function churn(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const songs = album(3, 2 * MINUTE_MS)
  const [placeCount, lastsMs] = [30, 15 * MINUTE_MS]
  const peers: PeerPlan[] = []
  const faults: Fault[] = []
  for (let place = 0; place < placeCount; place++) {
    for (let joinsAt = random.below(20 * SECOND_MS), goesAt = 0; joinsAt < lastsMs - 10 * SECOND_MS; joinsAt = goesAt) {
      goesAt = joinsAt + Math.ceil((-Math.log(1 - random.ratio()) / LEAVING_PER_MINUTE) * MINUTE_MS)
      const peerId = parsePeerId(`peer-${peers.length + 1}`)
      const [first, ...queue] = random.shuffled(songs.map(({ songId }) => songId))
      const listens = first === undefined ? [] : [{ ...aPlay(first, 500, random), queue }]
      const isSilent = random.ratio() < 0.5
      peers.push(aPeer(peerId, isSilent ? { joinsAt, listens } : { joinsAt, listens, leavesAt: goesAt }))
      if (isSilent) faults.push({ kind: 'peer-crash', peerId, isSilent, keepsStore: false, at: goesAt, until: lastsMs + MINUTE_MS })
    }
  }
  return aWorld({ songs, peers, faults, lastsMs })
}

const TARPIT_MANNERS: readonly Manner[] = ['tarpit', 'trickles', 'stalls-at-the-end']

function tarpits(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const songs = album(15, 4 * MINUTE_MS)
  const adversaries = Array.from({ length: 27 }, (_, index) => {
    const manner = TARPIT_MANNERS[index % TARPIT_MANNERS.length] ?? 'tarpit'
    return { peerId: parsePeerId(`adversary-${index + 1}`), manner, link: HOME, joinsAt: 0 }
  })
  // Each hears the album in another order, pressing play for each song: a minute of silence would be noticed, and so would a second.
  const peers = Array.from({ length: 3 }, (_, index) => {
    const order = random.shuffled(songs)
    const offsetMs = (1 + 7 * index) * SECOND_MS + random.below(SECOND_MS)
    const listens = order.map(({ songId }, turn) => aPlay(songId, offsetMs + turn * (4 * MINUTE_MS + 3 * SECOND_MS), random))
    return aPeer(`peer-${index + 1}`, { listens })
  })
  return aWorld({ songs, peers, adversaries, lastsMs: 62 * MINUTE_MS })
}

function originStops(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, 3 * MINUTE_MS)
  const make = (startsAfterMs: number, index: number): PeerPlan => {
    const play = aPlay(one.songId, startsAfterMs, random)
    return aPeer(`peer-${index + 1}`, { listens: [index === 0 ? { ...play, readAheadMs: READS_ALL_MS } : play] })
  }
  const trouble = seed % 2 === 0 ? 'refuses' : 'is-silent'
  const stop: Fault = { kind: 'origin-trouble', trouble, at: MINUTE_MS, until: 60 * MINUTE_MS }
  return aWorld({ songs: [one], peers: staggered(20, 6 * SECOND_MS, make, random), faults: [stop], lastsMs: 6 * MINUTE_MS })
}

function seekStorm(seed: number): WorldPlan {
  const random = seededRandom(seed)
  // A mix of half an hour: long enough that most of it is not here yet when it is jumped to.
  const one = song(1, 30 * MINUTE_MS)
  const holders = Array.from({ length: 4 }, (_, index) => aHolder(`holder-${index + 1}`, [one]))
  const make = (startsAfterMs: number, index: number): PeerPlan => {
    const jumps = Array.from({ length: 20 }, (_, turn) => ({
      afterMs: 3 * SECOND_MS * (turn + 1) + random.below(2 * SECOND_MS),
      toBytes: random.below(Math.floor(one.shape.fileSize * 0.9)),
    }))
    return aPeer(`peer-${index + 1}`, { listens: [{ ...aPlay(one.songId, startsAfterMs, random), jumps }] })
  }
  return aWorld({ songs: [one], peers: [...holders, ...staggered(10, 5 * SECOND_MS, make, random)], lastsMs: 4 * MINUTE_MS })
}

function crowd(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, 40 * SECOND_MS, LEAN_RATE_BYTES_PER_SECOND)
  const peers = Array.from({ length: 500 }, (_, index) =>
    aPeer(`peer-${index + 1}`, { listens: [aPlay(one.songId, SECOND_MS + random.below(SECOND_MS), random)] }),
  )
  return aWorld({ songs: [one], peers, lastsMs: 90 * SECOND_MS })
}

/** As six real processes are measured beside it: no round trip to speak of, and players that take all they can get. */
function sixTogether(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const one = song(1, 500 * SECOND_MS, LEAN_RATE_BYTES_PER_SECOND)
  const peers = Array.from({ length: 6 }, (_, index) => {
    const listen = { ...aPlay(one.songId, SECOND_MS + random.below(50), random), readAheadMs: READS_ALL_MS }
    return aPeer(`peer-${index + 1}`, { link: near(link(50, 20)), listens: [listen] })
  })
  return withServicesNear(aWorld({ songs: [one], peers, originMbit: 50, lastsMs: 10 * MINUTE_MS }))
}

export const PLAYBACK_WORLDS = Object.freeze({
  calm: { about: '30 listeners come one after another, 10 Mbit/s and 20 ms', plan: seed => calm(seed, HOME) },
  'cold-alone': { about: 'one listener and the origin, 10 Mbit/s and 20 ms, nothing known', plan: coldAlone },
  'cold-swarm': { about: 'a listener beside 8 holders and others, 10 Mbit/s and 20 ms, nothing known', plan: coldSwarm },
  prefetched: { about: '10 listeners with a queue: the songs after the first', plan: prefetched },
  churn: { about: '30 listeners, 30 % leave every minute and others come, half without a word', plan: churn },
  tarpits: { about: '27 tarpits and 3 listeners, 320 kbit/s, 60 minutes', plan: tarpits },
  'slow-uplinks': { about: '30 listeners as in calm, with uplinks of 1 Mbit/s', plan: seed => calm(seed, link(10, 1)) },
  'origin-stops': { about: '20 listeners come one after another; the origin is gone after a minute', plan: originStops },
  'seek-storm': { about: '10 listeners to a long mix who jump 20 times in a minute', plan: seekStorm },
  'crowd-500': { about: '500 listeners press play within a second', plan: crowd },
  'six-together': { about: '6 listeners together, 20 Mbit/s up and 50 down, origin 50; no round trip', plan: sixTogether },
} satisfies Readonly<Record<string, PlaybackWorld>>)

export type PlaybackWorldName = keyof typeof PLAYBACK_WORLDS

export function isPlaybackWorldName(value: string): value is PlaybackWorldName {
  return Object.hasOwn(PLAYBACK_WORLDS, value)
}
