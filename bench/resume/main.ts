// `npm run bench:resume`: how long a peer that was stopped takes until the tracker knows all its 10,000 chunks again.
// Real processes over loopback, and a cache that was filled by playing; what is timed begins with the start of the process.
// Invariant: a time counts only if the tracker lists every chunk then; a song's chunks are announced in one call.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from '@evastream/core/assert'
import { KIB } from '@evastream/core/units'
import { systemClock } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { BenchTown } from '../bench-town.ts'
import { median } from '../median.ts'
import { endOnSignals } from '../scratch-place.ts'

const SONG_COUNT = 250
const CHUNKS_A_SONG = 40
const CHUNK_SIZE_BYTES = 16 * KIB
const BAR_MS = 2000
const RUN_COUNT = 3
const FILLING_DEADLINE_MS = 300_000

endOnSignals()
const directory = await mkdtemp(join(tmpdir(), 'evastream-bench-'))
const town = await BenchTown.open(directory)
try {
  const songIds: string[] = []
  const holdings = async () => (await Promise.all(songIds.map(songId => town.holdingCount(songId)))).reduce((sum, count) => sum + count, 0)
  for (let count = 0; count < SONG_COUNT; count++) songIds.push(await town.publish(CHUNKS_A_SONG * CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES))
  const filling = await town.startPeer('peer-1')
  for (const songId of songIds) await (await fetch(`${filling.url}/stream/${songId}`)).arrayBuffer()
  await eventually('everything is announced', async () => (await holdings()) === SONG_COUNT * CHUNKS_A_SONG, {
    deadlineMs: FILLING_DEADLINE_MS,
  })
  await town.stopPeer(filling)
  await eventually('the tracker knows no holder', async () => (await town.heldSongCount()) === 0)
  const times: number[] = []
  for (let run = 0; run < RUN_COUNT; run++) {
    const startedAt = systemClock.now()
    const peer = await town.startPeer('peer-1')
    const readyMs = systemClock.now() - startedAt
    await eventually('every song is announced again', async () => (await town.heldSongCount()) === SONG_COUNT, { intervalMs: 10 })
    const announcedMs = systemClock.now() - startedAt
    times.push(announcedMs)
    assert((await holdings()) === SONG_COUNT * CHUNKS_A_SONG, 'every chunk is announced with its song')
    process.stdout.write(
      `ready after ${Math.round(readyMs)} ms, ${SONG_COUNT * CHUNKS_A_SONG} chunks announced after ${Math.round(announcedMs)} ms\n`,
    )
    await town.stopPeer(peer)
    await eventually('the tracker knows no holder', async () => (await town.heldSongCount()) === 0)
  }
  const medianMs = median(times)
  const isMet = medianMs <= BAR_MS
  process.stdout.write(`median ${Math.round(medianMs)} ms, held to ${BAR_MS} ms: ${isMet ? 'met' : 'MISSED'}\n`)
  process.exitCode = isMet ? 0 : 1
} finally {
  await town.close()
  await rm(directory, { recursive: true, force: true })
}
