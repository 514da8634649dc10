// Faults drawn from a random: each kind as likely as the next, at times when peers are likely to be busy.
// Not what they do: fault-injector.ts.
// Invariant: only peers, songs and chunks of the world are named, and every fault ends.

import type { PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import { ORIGIN_TROUBLES } from '../parts/simulated-origin.ts'
import type { PeerPlan, SongPlan } from '../worlds/world-plan.ts'
import type { Fault } from './fault-plan.ts'

const COUNT_MAX = 8
const WINDOW_MS = 40 * SECOND_MS
const BUSY_MS = 4 * SECOND_MS
const LENGTH_MAX_MS = 25 * SECOND_MS

type Parts = { readonly songs: readonly SongPlan[]; readonly peers: readonly PeerPlan[] }

export function drawFaults(random: Random, parts: Parts): Fault[] {
  const faults = Array.from({ length: random.below(COUNT_MAX + 1) }, () => drawFault(random, parts))
  return faults.sort((one, other) => one.at - other.at)
}

function drawFault(random: Random, { songs, peers }: Parts): Fault {
  const at = drawTime(random, peers)
  const until = at + SECOND_MS / 2 + random.below(LENGTH_MAX_MS)
  const { peerId } = random.pick(peers) as PeerPlan
  const { songId, shape } = random.pick(songs) as SongPlan
  const chunkId = random.below(shape.chunkCount)
  switch (random.below(14)) {
    case 0:
    case 1:
      return { kind: 'peer-crash', at, until, peerId, isSilent: random.ratio() < 0.4, keepsStore: random.ratio() < 0.75 }
    case 2:
      return { kind: 'peer-slow', at, until, peerId, factor: 2 ** (1 + random.below(6)) }
    case 3:
      return { kind: 'connections-cut', at, peerId }
    case 4:
      return { kind: 'partition', at, until, peerIds: someOf(random, peers) }
    case 5:
    case 6:
      return { kind: 'origin-trouble', at, until, trouble: random.pick(ORIGIN_TROUBLES) ?? 'refuses' }
    case 7:
      return { kind: 'tracker-down', at, until }
    case 8:
      return { kind: 'tracker-forgets', at }
    case 9:
      return { kind: 'disk-failure', at, until, peerId }
    case 10:
      return { kind: random.ratio() < 0.5 ? 'rot' : 'chunk-evicted', at, peerId, songId, chunkId }
    case 11:
      return { kind: 'tracker-slow', at, until, delayMs: 200 + random.below(3 * SECOND_MS) }
    case 12:
      return { kind: 'interest-lost', at, until, peerId, songId }
    default:
      return { kind: 'song-away', at, until, peerId, songId }
  }
}

/** More often than not while somebody who just joined is busy. */
function drawTime(random: Random, peers: readonly PeerPlan[]): number {
  if (random.ratio() < 0.3) return random.below(WINDOW_MS)
  const { joinsAt } = random.pick(peers) as PeerPlan
  return joinsAt + random.below(BUSY_MS)
}

function someOf(random: Random, peers: readonly PeerPlan[]): PeerId[] {
  const ids = peers.map(({ peerId }) => peerId)
  return random.shuffled(ids).slice(0, 1 + random.below(Math.max(1, ids.length - 1)))
}
