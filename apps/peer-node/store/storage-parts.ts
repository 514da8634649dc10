// The parts by which a node keeps songs, made and joined: the chunk store, its keeper, and the order of last use.
// Not the library (song-library.ts) and not the players: they come later and are looked up when they are needed.
// Invariant: the store takes no room that its keeper did not give.

import type { TrackerClient } from '@evastream/clients/tracker-client'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { ChunkStore } from '../chunk-store.ts'
import type { PeerNodeConfig } from '../config.ts'
import type { ChunkNews } from '../download/chunk-news.ts'
import type { PeerIdentity } from '../peer-identity.ts'
import type { NodeLog } from '../ports.ts'
import type { SharingChoice } from '../sharing/sharing-choice.ts'
import { SwarmCopies } from '../tracker/swarm-copies.ts'
import { CacheKeeper, type CacheKeeperDeps } from './cache-keeper.ts'
import { RecentSongs } from './recent-songs.ts'

interface StoragePartsDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: NodeLog
  readonly tracker: TrackerClient
  readonly choice: Pick<SharingChoice, 'mode'>
  /** Made after the store, and not called before. */
  readonly library: () => CacheKeeperDeps['library']
  readonly playback: () => CacheKeeperDeps['playback']
  readonly queue: () => CacheKeeperDeps['queue']
  readonly news: () => Pick<ChunkNews, 'chunkLost' | 'chunksEvicted'>
}

interface StoragePartsOptions {
  readonly config: PeerNodeConfig
  readonly identity: PeerIdentity
}

/** @throws EvaError `EVA_DIRECTORY_LOCKED`, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED`; nothing is left open then. */
export async function makeStorageParts(deps: StoragePartsDeps, { config, identity }: StoragePartsOptions) {
  const { directory } = identity
  const recent = await RecentSongs.open(deps, { directory })
  const store: ChunkStore = await ChunkStore.open(
    {
      room: { take: size => keeper.take(size), found: size => keeper.found(size), give: size => keeper.give(size) },
      onRotten: (songId, chunkId, reason) => deps.news().chunkLost(songId, chunkId, reason),
      onEvicted: (songId, chunkIds) => deps.news().chunksEvicted(songId, chunkIds),
      onUsed: songId => recent.used(songId),
    },
    { directory, directoryFlag: '--peer.id' },
  )
  // Only of a peer that gives can a copy be missed.
  const copies = new SwarmCopies({ ...deps, store, tracker: () => (deps.choice.mode === 'on' ? deps.tracker : undefined) })
  const library: CacheKeeperDeps['library'] = {
    isKept: songId => deps.library().isKept(songId),
    keptBytes: () => deps.library().keptBytes(),
  }
  const playback: CacheKeeperDeps['playback'] = {
    get playingSongIds() {
      return deps.playback().playingSongIds
    },
    positionsOf: songId => deps.playback().positionsOf(songId),
  }
  const queue: CacheKeeperDeps['queue'] = {
    get songIds() {
      return deps.queue().songIds
    },
  }
  const keeper = new CacheKeeper({ ...deps, store, library, playback, queue, recent, copies }, { limitBytes: config.cacheLimitBytes })
  return { store, recent, keeper }
}
