// A listener alone in the swarm against `curl` from the same origin, on one link of 50 Mbit/s, turn by turn.
// Not a crowd.
// Invariant: both are timed by curl from its start to its last byte; each ratio compares two turns that followed one another.

import { assert } from '@evastream/core/assert'
import { MIB } from '@evastream/core/units'
import { type BenchHost, runOn } from '../bench-host.ts'
import type { BenchRow } from '../bench-row.ts'
import { BenchTown } from '../bench-town.ts'
import { median } from '../median.ts'
import { inScratchPlace } from '../scratch-place.ts'
import { ShapedNetwork } from '../shaped-network.ts'

const SONG_BYTES = 16 * MIB
const CHUNK_BYTES = 256 * 1024
const MBIT = 50
const RATIO_MAX = 1.05

export async function aloneRows(runCount: number): Promise<BenchRow[]> {
  const ratios: number[] = []
  const words: string[] = []
  for (let run = 0; run < runCount; run++) {
    const { peerSeconds, curlSeconds } = await compareAlone()
    ratios.push(peerSeconds / curlSeconds)
    words.push(`${peerSeconds.toFixed(2)} of ${curlSeconds.toFixed(2)} s`)
  }
  const what = 'alone: 16 MiB through a peer, against curl from the origin'
  return [{ what, figure: median(ratios), unit: 'x curl', bar: { atMost: RATIO_MAX }, detail: words.join(', ') }]
}

async function compareAlone(): Promise<{ peerSeconds: number; curlSeconds: number }> {
  return inScratchPlace(async directory => {
    const network = await ShapedNetwork.open(['origin', 'listener'].map(name => ({ name, upMbit: MBIT, downMbit: MBIT })))
    try {
      const [host, listener] = network.hosts
      assert(host !== undefined && listener !== undefined, 'there are two hosts')
      const town = await BenchTown.open(directory, { host })
      try {
        const songId = await town.publish(SONG_BYTES)
        const chunks = `${town.originUrl}/chunk?songId=${songId}&chunkId=[0-${SONG_BYTES / CHUNK_BYTES - 1}]`
        const curlSeconds = await secondsOf(listener, chunks)
        const peer = await town.startPeer('listener', { host: listener })
        return { curlSeconds, peerSeconds: await secondsOf(listener, `${peer.url}/stream/${songId}.mp3`) }
      } finally {
        await town.close()
      }
    } finally {
      await network.close()
    }
  })
}

/** Of all that the URL stands for, one after another on one connection. */
async function secondsOf(host: BenchHost, url: string): Promise<number> {
  const said = await runOn(host, ['curl', '-sSf', '--max-time', '60', '-o', '/dev/null', '-w', '%{time_total}\n', url])
  return said
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line), 0)
}
