// A crowd that wants one song at the same moment: the same words for every system that is measured.
// Not how a system is run (evastream-crowd.ts, against/), and not the bars.
// Invariant: bytes of the origin are counted by the origin, bytes wanted are the song's for each who finished or should have.

import type { CrowdLinks } from './link-bounds.ts'

export interface CrowdPlan {
  readonly songBytes: number
  readonly peerCount: number
  /** Undefined: over loopback, as fast as the machine goes. */
  readonly links?: CrowdLinks | undefined
  /** The tracker's budget of copies; systems without one take what they take. */
  readonly originCopies?: number
  /** Peers that lose power when the song should be half there. */
  readonly killedCount?: number
}

/** Hosts of a shaped network: the origin's first. */
export function hostPlansOf({ originMbit, peers }: CrowdLinks) {
  const origin = { name: 'origin', upMbit: originMbit, downMbit: originMbit }
  return [origin, ...peers.map((link, index) => ({ name: `p${index + 1}`, ...link }))]
}

export interface CrowdFigures {
  /** From the word to the last byte of the last peer. */
  readonly seconds: number
  /** By the origin's own count of what it sent, in songs. */
  readonly originCopies: number
  /** Until the median peer had something to play; undefined where the system does not tell. */
  readonly firstSeconds?: number | undefined
  /** Of all processes from the word to the end, for each 1e9 bytes wanted. */
  readonly cpuSecondsPerGb?: number | undefined
  /** Bytes received and not kept, for each byte wanted. */
  readonly wastedRatio?: number | undefined
  /** Of the peer process that had most. */
  readonly peakPeerBytes?: number | undefined
}
