// A world drawn from a seed: what is published, who joins with which link, who misbehaves, what goes wrong and when.
// Not the drawing of faults (fault-draw.ts) nor hand-made worlds (scenario.ts).
// Invariant: the same seed draws the same world, and every world can be finished once it has healed.

import { parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { songBlockCount } from '@evastream/core/manifest'
import { type Random, seededRandom } from '@evastream/core/random'
import { KIB, MIB, SECOND_MS } from '@evastream/core/units'
import type { EngineConfig } from '@evastream/engine/config'
import { drawFaults } from '../faults/fault-draw.ts'
import { endOf } from '../faults/fault-plan.ts'
import { MANNERS } from '../parts/simulated-adversary.ts'
import type { LinkPlan } from '../parts/simulated-network.ts'
import { drawSong } from './song-draw.ts'
import type { AdversaryPlan, ListenPlan, PeerPlan, SongPlan, WorldPlan } from './world-plan.ts'

/** What all peers of a world may fetch together, in blocks: keeps a run at some tens of milliseconds. */
const BLOCKS_MAX = 700
const JOIN_WINDOW_MS = 20 * SECOND_MS
/** Past the longest backoff, a tracker's expiry and the next lookup. */
const GRACE_MS = 90 * SECOND_MS

export function drawWorld(seed: number): WorldPlan {
  const random = seededRandom(seed)
  const songs = drawSongs(random)
  const peers = drawPeers(random, songs)
  const isCalm = random.ratio() < 0.1
  const adversaries = isCalm ? [] : drawAdversaries(random)
  const faults = isCalm ? [] : drawFaults(random, { songs, peers })
  const lastJoinAt = Math.max(...[...peers, ...adversaries].map(({ joinsAt }) => joinsAt))
  const healsAt = Math.max(lastJoinAt + 5 * SECOND_MS, ...faults.map(endOf))
  const origin = { link: drawServiceLink(random), requestsMax: 2 + random.below(14), firstByteDelayMs: random.below(120) }
  const world = {
    songs,
    peers,
    adversaries,
    origin,
    tracker: { link: drawServiceLink(random), originCopies: random.ratio() < 0.8 ? 1 : 2 },
    faults,
    healsAt,
  }
  const endsAt = healsAt + GRACE_MS + transferTimeMs(world)
  return { ...world, endsAt, engine: drawEngineNumbers(random) }
}

function drawSongs(random: Random): SongPlan[] {
  const first = drawSong(random, parseSongId('song-1'))
  if (songBlockCount(first.shape) > 100 || random.ratio() < 0.75) return [first]
  const second = drawSong(random, parseSongId('song-2'))
  return songBlockCount(second.shape) > 200 ? [first] : [first, second]
}

function drawPeers(random: Random, songs: readonly SongPlan[]): PeerPlan[] {
  const blockCount = songs.reduce((sum, { shape }) => sum + songBlockCount(shape), 0)
  const count = Math.max(2, Math.min(2 + random.below(6), Math.floor(BLOCKS_MAX / blockCount)))
  return Array.from({ length: count }, (_, index) => drawPeer(random, songs, index + 1))
}

function drawPeer(random: Random, songs: readonly SongPlan[], number: number): PeerPlan {
  const peerSongs = songs.map(song => ({
    songId: song.songId,
    interest: random.ratio() < 0.7 ? ('seed' as const) : ('idle' as const),
    heldAtStart: drawHoldings(random, song),
  }))
  const listened = peerSongs.filter(song => (song.interest === 'idle' ? random.ratio() < 0.8 : random.ratio() < 0.2))
  const plan: PeerPlan = {
    peerId: parsePeerId(`peer-${number}`),
    link: drawPeerLink(random),
    joinsAt: random.below(JOIN_WINDOW_MS),
    slotsMax: 1 + random.below(4),
    storeDelayMs: random.below(20),
    connectionsMax: random.ratio() < 0.8 ? 30 : 1 + random.below(3),
    timerLagMs: random.ratio() < 0.5 ? 0 : random.below(60),
    tellsOwnHangUps: random.ratio() < 0.5,
    songs: peerSongs,
    listens: listened.flatMap(({ songId }) => drawListens(random, songOf(songs, songId))).map(listen => drawPlayer(random, songs, listen)),
  }
  return number > 2 && random.ratio() < 0.1 ? { ...plan, leavesAt: plan.joinsAt + random.below(30 * SECOND_MS) } : plan
}

function songOf(songs: readonly SongPlan[], songId: SongId): SongPlan {
  return songs.find(song => song.songId === songId) as SongPlan
}

function drawHoldings(random: Random, { shape, flaw }: SongPlan): number[] {
  const all = Array.from({ length: shape.chunkCount }, (_, chunkId) => chunkId).filter(chunkId => chunkId !== flaw?.chunkId)
  const dice = random.ratio()
  if (dice < 0.55) return []
  return dice < 0.7 ? all : all.filter(() => random.ratio() < 0.4)
}

/** Usually one; now and then a second player on the same song. */
function drawListens(random: Random, song: SongPlan): ListenPlan[] {
  return Array.from({ length: random.ratio() < 0.85 ? 1 : 2 }, () => drawListen(random, song))
}

function drawListen(random: Random, { songId, shape }: SongPlan): ListenPlan {
  const position = () => (random.ratio() < 0.5 ? 0 : random.below(shape.fileSize))
  const jumps = Array.from({ length: random.below(3) }, () => ({ afterMs: random.below(40 * SECOND_MS), toBytes: position() }))
  const listen = { songId, startsAfterMs: random.below(10 * SECOND_MS), fromBytes: position(), jumps }
  return random.ratio() < 0.2 ? { ...listen, stopsAfterMs: random.below(60 * SECOND_MS) } : listen
}

/** Players read ahead as they like, and some have a queue. */
function drawPlayer(random: Random, songs: readonly SongPlan[], listen: ListenPlan): ListenPlan {
  const readAheadMs = random.pick([SECOND_MS, 2 * SECOND_MS, 30 * SECOND_MS, 3600 * SECOND_MS]) ?? SECOND_MS
  const next = songs.find(({ songId }) => songId !== listen.songId)
  return next !== undefined && random.ratio() < 0.5 ? { ...listen, readAheadMs, queue: [next.songId] } : { ...listen, readAheadMs }
}

function drawPeerLink(random: Random): LinkPlan {
  const rates = [10 * KIB, 32 * KIB, 128 * KIB, 512 * KIB, MIB, 4 * MIB]
  const up = random.pick(rates) ?? MIB
  const latencyMs = 1 + random.below(random.ratio() < 0.9 ? 60 : 400)
  return { upBytesPerSecond: up, downBytesPerSecond: up * (1 + random.below(4)), latencyMs }
}

function drawServiceLink(random: Random): LinkPlan {
  const rate = random.pick([256 * KIB, MIB, 4 * MIB, 12 * MIB]) ?? MIB
  return { upBytesPerSecond: rate, downBytesPerSecond: rate, latencyMs: 1 + random.below(40) }
}

function drawAdversaries(random: Random): AdversaryPlan[] {
  const count = random.pick([0, 0, 1, 1, 2, 3, 4]) ?? 0
  return Array.from({ length: count }, (_, index) => {
    return {
      peerId: parsePeerId(`adversary-${index + 1}`),
      manner: random.pick(MANNERS) ?? 'tarpit',
      link: drawPeerLink(random),
      joinsAt: random.below(JOIN_WINDOW_MS),
      takesLeases: random.ratio() < 0.4,
    }
  })
}

/** Now and then narrow bounds, as a user may set them. */
function drawEngineNumbers(random: Random): Partial<EngineConfig> {
  if (random.ratio() < 0.7) return {}
  return { downloadsInFlightMax: 1 + random.below(6), chunksInProgressMax: 1 + random.below(4), batchesPerPeerMax: 1 + random.below(3) }
}

/** How long it takes at worst when everybody fetches everything through the slowest of the links, a chunk per round trip. */
function transferTimeMs({ songs, peers, origin }: Pick<WorldPlan, 'songs' | 'peers' | 'origin'>): number {
  const songBytes = songs.reduce((sum, { shape }) => sum + shape.fileSize, 0)
  const slowest = Math.min(...peers.map(({ link }) => Math.min(link.upBytesPerSecond, link.downBytesPerSecond)))
  const originTimeMs = ((songBytes * peers.length) / origin.link.upBytesPerSecond) * SECOND_MS
  const roundTripMs = 4 * Math.max(origin.link.latencyMs, ...peers.map(({ link }) => link.latencyMs)) + origin.firstByteDelayMs
  const roundTripsMs = roundTripMs * songs.reduce((sum, { shape }) => sum + shape.chunkCount, 0)
  return 3 * (originTimeMs + (songBytes / slowest) * SECOND_MS) + roundTripsMs
}
