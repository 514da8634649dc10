// What the tracker's memory costs a peer, and how long its sweep keeps everybody else waiting, in this process.
// Not the service around it: the books alone, filled as calls would fill them.
// Invariant: memory is what the collector leaves, array buffers included; the process runs with --expose-gc.

import { EvaError } from '@evastream/core/errors'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { createLogger } from '@evastream/service-kit/logger'
import { systemTimers, type Timers } from '@evastream/service-kit/system-clock'
import { startHousekeeping } from '../../apps/tracker-service/housekeeping.ts'
import { SongDirectory } from '../../apps/tracker-service/song-directory.ts'
import { makeTrackerParts, type TrackerParts } from '../../apps/tracker-service/tracker-parts.ts'

const CHUNK_COUNT = 40
const EXPIRES_MS = 30_000
const SWEEP_AFTER_MS = 50

const clock = { offsetMs: 0, now: () => performance.now() + clock.offsetMs }
const metadata = { lookUpSong: async () => Promise.reject(new EvaError('EVA_CANCELLED')) }
const directory = new SongDirectory({ metadata, clock, log: createLogger({ name: 'bench', level: 'silent' }) }, { metadataUrl: '' })

/** In bytes a peer: what the books hold of `peerCount` peers with one song of 40 chunks each, after a heartbeat of each. */
export function measureMemory(peerCount: number): number {
  const before = bytesInUse()
  const parts = aTracker()
  fill(parts, { peerCount, songCount: 1, at: clock.now() })
  const after = bytesInUse()
  if (parts.registry.peerRegistry.size !== peerCount) throw new EvaError('EVA_INTERNAL')
  return (after - before) / peerCount
}

export interface SweepFigures {
  /** The longest slice: in time that this process ran, and by the clock, in which others ran too. */
  readonly longestMs: number
  readonly longestWallMs: number
  readonly totalMs: number
}

/** All of them expire at once. */
export async function measureSweep({
  peerCount,
  songCount,
}: {
  readonly peerCount: number
  readonly songCount: number
}): Promise<SweepFigures> {
  const parts = aTracker()
  fill(parts, { peerCount, songCount, at: clock.now() })
  bytesInUse()
  clock.offsetMs += EXPIRES_MS
  const logger = createLogger({ name: 'bench', level: 'silent' })
  let [longestMs, longestWallMs] = [0, 0]
  const timed = (run: () => void) => () => {
    const [beforeMs, beforeCpu] = [performance.now(), process.cpuUsage()]
    run()
    const { user, system } = process.cpuUsage(beforeCpu)
    longestMs = Math.max(longestMs, (user + system) / 1000)
    longestWallMs = Math.max(longestWallMs, performance.now() - beforeMs)
  }
  const timers: Timers = {
    after: (delayMs, run) => systemTimers.after(delayMs, timed(run)),
    every: (intervalMs, run) => systemTimers.every(intervalMs, timed(run)),
  }
  const startedAt = performance.now()
  const stop = startHousekeeping({ ...parts, directory, clock, timers, logger }, { sweepIntervalMs: SWEEP_AFTER_MS })
  while (parts.registry.peerRegistry.size > 0)
    await new Promise(resolve => void systemTimers.after(SWEEP_AFTER_MS, () => resolve(undefined)))
  stop()
  return { longestMs, longestWallMs, totalMs: performance.now() - startedAt - SWEEP_AFTER_MS }
}

function aTracker(): TrackerParts {
  return makeTrackerParts(
    { directory, reachability: { isReachable: async () => true }, clock, random: seededRandom(1) },
    {
      ...{ bootId: 'bench-boot', heartbeatIntervalMs: 10_000, expiresAfterMs: EXPIRES_MS, trustedRanges: [], originCopies: 1 },
      ...{ peersMax: 1e6, songsPerPeerMax: 10_000, holdingsMaxBytes: 1e10 },
    },
  )
}

function fill(
  { registry, traffic }: TrackerParts,
  crowd: { readonly peerCount: number; readonly songCount: number; readonly at: number },
): void {
  const songs = Array.from({ length: crowd.songCount }, (_, number) => ({ songId: parseSongId(`song-${number}`), chunkCount: CHUNK_COUNT }))
  const chunkIds = Array.from({ length: CHUNK_COUNT }, (_, chunkId) => chunkId)
  for (let number = 0; number < crowd.peerCount; number++) {
    // Parsed, as calls bring them: strings of their own, no two peers' the same.
    const text = JSON.parse(
      `{"peerId":"peer-${String(number).padStart(7, '0')}","host":"10.${number >> 16}.${(number >> 8) & 255}.${number & 255}"}`,
    )
    const address = { host: text.host, observedHost: text.host, port: 1024 + (number % 60_000) }
    const peer = registry.admit({ peerId: parsePeerId(text.peerId), ...address, tokenDigest: new Uint8Array(32).fill(number) }, crowd.at)
    for (const song of songs) registry.acquire(peer, song, chunkIds)
    registry.peerRegistry.setUplink(peer.slot, 2_500_000)
    traffic.note(registry.peerRegistry, peer.slot, { originBytes: number * 1000, peerBytes: number * 9000, sentBytes: number * 8000 })
  }
}

function bytesInUse(): number {
  if (globalThis.gc === undefined) throw new EvaError('EVA_USAGE', { details: { reason: 'run it with --expose-gc' } })
  for (let round = 0; round < 3; round++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
