// What goes wrong in a world, when and for how long, as plain data with a sentence for people.
// Not the doing: fault-injector.ts does it to the running world. Not the drawing: world-draw.ts.
// Invariant: every fault ends, save that the dead stay dead; `endOf` says when, and a world heals only after the last.

import type { PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { OriginTrouble } from '../parts/simulated-origin.ts'

interface Lasting {
  readonly at: Millis
  readonly until: Millis
}

export type Fault =
  | (Lasting & { readonly kind: 'peer-crash'; readonly peerId: PeerId; readonly isSilent: boolean; readonly keepsStore: boolean })
  /** For good: so many of these, first those whom the origin is sending to (half of them at most), then in the order of the list. */
  | {
      readonly kind: 'peers-killed'
      readonly at: Millis
      readonly peerIds: readonly PeerId[]
      readonly count: number
      readonly isSilent: boolean
    }
  | (Lasting & { readonly kind: 'peer-slow'; readonly peerId: PeerId; readonly factor: number })
  | { readonly kind: 'connections-cut'; readonly at: Millis; readonly peerId: PeerId }
  | (Lasting & { readonly kind: 'partition'; readonly peerIds: readonly PeerId[] })
  | (Lasting & { readonly kind: 'origin-trouble'; readonly trouble: OriginTrouble })
  | (Lasting & { readonly kind: 'tracker-down' })
  /** Each of its answers comes so much later: that of another tracker, asked first, has to be waited for. */
  | (Lasting & { readonly kind: 'tracker-slow'; readonly delayMs: Millis })
  | { readonly kind: 'tracker-forgets'; readonly at: Millis }
  | (Lasting & { readonly kind: 'disk-failure'; readonly peerId: PeerId })
  | { readonly kind: 'rot'; readonly at: Millis; readonly peerId: PeerId; readonly songId: SongId; readonly chunkId: number }
  | { readonly kind: 'chunk-evicted'; readonly at: Millis; readonly peerId: PeerId; readonly songId: SongId; readonly chunkId: number }
  | (Lasting & { readonly kind: 'song-away'; readonly peerId: PeerId; readonly songId: SongId })
  | (Lasting & { readonly kind: 'interest-lost'; readonly peerId: PeerId; readonly songId: SongId })

export function endOf(fault: Fault): Millis {
  return 'until' in fault ? fault.until : fault.at
}

export function faultSentence(fault: Fault): string {
  const when = `at ${seconds(fault.at)}`
  switch (fault.kind) {
    case 'peer-crash':
      return `${when} ${fault.peerId} ${fault.isSilent ? 'loses power' : 'crashes'}, back at ${seconds(fault.until)} ${fault.keepsStore ? 'with its chunks' : 'with nothing'}`
    case 'peers-killed':
      return `${when} ${fault.count} of ${fault.peerIds.length} peers ${fault.isSilent ? 'lose power' : 'are killed'} for good`
    case 'peer-slow':
      return `${when} the link of ${fault.peerId} becomes ${fault.factor} times slower until ${seconds(fault.until)}`
    case 'connections-cut':
      return `${when} all connections of ${fault.peerId} are cut`
    case 'partition':
      return `${when} ${fault.peerIds.join(' and ')} ${fault.peerIds.length === 1 ? 'is' : 'are'} cut off from everybody else until ${seconds(fault.until)}`
    case 'origin-trouble':
      return `${when} the origin ${fault.trouble.replaceAll('-', ' ')} until ${seconds(fault.until)}`
    case 'tracker-down':
      return `${when} the tracker is down until ${seconds(fault.until)}`
    case 'tracker-slow':
      return `${when} the tracker answers ${seconds(fault.delayMs)} later until ${seconds(fault.until)}`
    case 'tracker-forgets':
      return `${when} the tracker restarts empty`
    case 'disk-failure':
      return `${when} the disk of ${fault.peerId} takes nothing until ${seconds(fault.until)}`
    case 'rot':
      return `${when} chunk ${fault.chunkId} of ${fault.songId} rots on the disk of ${fault.peerId}`
    case 'chunk-evicted':
      return `${when} chunk ${fault.chunkId} of ${fault.songId} is taken from ${fault.peerId}`
    case 'song-away':
      return `${when} ${fault.peerId} removes ${fault.songId}, and adds it again at ${seconds(fault.until)}`
    case 'interest-lost':
      return `${when} ${fault.peerId} stops fetching ${fault.songId}, and goes on at ${seconds(fault.until)}`
  }
}

function seconds(at: Millis): string {
  return `${(at / 1000).toFixed(1)} s`
}
