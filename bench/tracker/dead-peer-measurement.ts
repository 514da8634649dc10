// How long the tracker goes on naming peers that were killed, in a crowd of real processes of which some are downloading.
// Not what the tracker does with a report (its tests tell that), and no stubs: only real peers find out as peers do.
// Invariant: time runs from the kill to the first answer without the peer; one that is named for DEADLINE_MS counts as that.

import type { PeersReply } from '@evastream/protocol/tracker-http'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import type { ServiceProcess } from '../../apps/evastream/demo/service-process.ts'
import { BenchTown } from '../bench-town.ts'
import { inScratchPlace } from '../scratch-place.ts'

const SONG_BYTES = 8 * 1024 * 1024
const HOLDERS = ['holder-1', 'holder-2', 'holder-3', 'holder-4']
const KILLED_COUNT = 2
const LISTENERS = ['listener-1', 'listener-2']
/** So slow that the listeners are not done when somebody dies. */
const UPLOAD_LIMIT = '--upload-limit=256K'
const DOWNLOADING_FOR_MS = 2_000
const ASK_EVERY_MS = 100
/** Longer than a silent peer is known at all. */
const DEADLINE_MS = 45_000

/** In milliseconds, of each peer that was killed. */
export async function measureDeadPeers(): Promise<readonly number[]> {
  return inScratchPlace(async directory => {
    const town = await BenchTown.open(directory)
    try {
      const songId = await town.publish(SONG_BYTES)
      const start = (peerId: string) => town.startPeer(peerId, { flags: [`--song.id=${songId}`, UPLOAD_LIMIT] })
      const holders = await Promise.all(HOLDERS.map(start))
      await Promise.all(holders.map(peer => town.whenComplete(peer, songId)))
      await Promise.all(LISTENERS.map(start))
      await pause(DOWNLOADING_FOR_MS)
      return await Promise.all(
        HOLDERS.slice(0, KILLED_COUNT).map((peerId, index) => killAndWatch(town, songId, { peerId, peer: holders[index] })),
      )
    } finally {
      await town.close()
    }
  })
}

interface Victim {
  readonly peerId: string
  readonly peer: ServiceProcess | undefined
}

async function killAndWatch(town: BenchTown, songId: string, { peerId, peer }: Victim): Promise<number> {
  if (peer !== undefined) await town.killPeer(peer)
  const tracker = town.services.find(({ name }) => name === 'tracker')
  const diedAt = systemClock.now()
  for (;;) {
    const answer = (await (await fetch(`${tracker?.url}/peers?songId=${songId}&limit=200`)).json()) as PeersReply
    const namedForMs = systemClock.now() - diedAt
    if (namedForMs >= DEADLINE_MS || answer.peers.every(each => each.peerId !== peerId)) return namedForMs
    await pause(ASK_EVERY_MS)
  }
}

function pause(forMs: number): Promise<void> {
  return new Promise(resolve => void systemTimers.after(forMs, resolve))
}
