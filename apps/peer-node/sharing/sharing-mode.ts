// What this node gives and shows to others: everything, nothing while it takes, or nothing to nobody.
// Not the doing (sharing-switch.ts).
// Invariant: without `on` nobody can connect to this node and no tracker lists it; with `off` no peer and no tracker hears of it at all.

import type { TrackerPort } from '../ports.ts'

export const SHARING_MODES = ['on', 'receive-only', 'off'] as const
export type SharingMode = (typeof SHARING_MODES)[number]

/** Told once, as soon as the first start has worked, for people who have not chosen. */
export const SHARING_NOTICE =
  "Sharing is on: the tracker and other peers will see this machine's address and which songs' chunks it holds, and may fetch those chunks. " +
  'To only download from peers, start with --sharing=receive-only; to speak to no peer and no tracker, with --sharing=off; or choose so on the page.'

/** A tracker for who speaks to none: nobody is there, and nothing is told. */
export const absentTracker: TrackerPort = Object.freeze({
  getPeers: async () => [],
  notifyChunkAcquired: async () => undefined,
  notifyChunkReleased: async () => undefined,
  requestOriginLeases: async () => ({ granted: [], waiting: [] }),
  returnOriginLeases: async () => undefined,
  reportPeer: async () => undefined,
})
