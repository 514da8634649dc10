// How soon a crowd can have a song at best when the origin sends it once: the fluid bound, from the links alone.
// Not a prediction: no round trips, no blocks, no mistakes.
// Why it is exact, for uplinks of any mixture: each byte that the origin sends, to one peer, must be sent N - 1 times more by peers, so
// T >= (N - 1) F / ΣU; and T >= F / origin, T >= F / slowest downlink. It is reached when peer i gets the share u_i / ΣU of the song from
// the origin and hands it on to all others as it comes: that takes it (N - 1) F u_i / ΣU bytes of uplink, so all uplinks are done at once,
// and every downlink fills at the same rate, F / T. A slow uplink therefore costs no more than it brings.
// Invariant: a world whose links are faster never has a later bound.

import type { Millis } from '@evastream/core/units'
import type { LinkPlan } from '../parts/simulated-network.ts'

export interface CrowdLinks {
  readonly fileSize: number
  readonly originBytesPerSecond: number
  /** Of everybody in the crowd. */
  readonly links: readonly LinkPlan[]
}

/** max{F / origin, F / slowest downlink, (N - 1) F / sum of uplinks}, in ms. */
export function oneCopyBoundMs({ fileSize, originBytesPerSecond, links }: CrowdLinks): Millis {
  const slowestDown = Math.min(...links.map(({ downBytesPerSecond }) => downBytesPerSecond))
  const sumUp = links.reduce((sum, { upBytesPerSecond }) => sum + upBytesPerSecond, 0)
  return 1000 * Math.max(fileSize / originBytesPerSecond, fileSize / slowestDown, ((links.length - 1) * fileSize) / sumUp)
}

/**
 * The same when some of them die at `diesAtMs` after the start and nobody knew: until then all get on as if nothing would happen, and
 * what is left then, of a song that all have the same share of, is had at the survivors' pace.
 */
export function boundWithDeathsMs(all: CrowdLinks, survivors: readonly LinkPlan[], diesAtMs: Millis): Millis {
  const allMs = oneCopyBoundMs(all)
  if (diesAtMs >= allMs) return allMs
  return diesAtMs + (1 - diesAtMs / allMs) * oneCopyBoundMs({ ...all, links: survivors })
}
