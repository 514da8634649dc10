// The parts of a node, made and joined; nothing of them listens, dials or runs yet.
// Not their starting and stopping (peer-node.ts), and no behaviour: a callback here only hands over from one part to another.
// Invariant: every part gets what it needs as an argument, and no part knows how another was made.

import { CoverClient } from '@evastream/clients/cover-client'
import { LibraryClient } from '@evastream/clients/library-client'
import { MetadataClient } from '@evastream/clients/metadata-client'
import { OriginClient } from '@evastream/clients/origin-client'
import { TrackerClient } from '@evastream/clients/tracker-client'
import type { PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import { type EngineConfig, engineConfig } from '@evastream/engine/config'
import { Scheduler } from '@evastream/engine/scheduler'
import type { Logger } from '@evastream/service-kit/logger'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import { Registry } from 'prom-client'
import type { ChunkStore } from './chunk-store.ts'
import type { PeerNodeConfig } from './config.ts'
import { ChunkNews } from './download/chunk-news.ts'
import { DeadlineTimer } from './download/wake-timer.ts'
import { DownloadCoordinator } from './download-coordinator.ts'
import { listLibrary } from './library/library-listing.ts'
import { SongFinder } from './library/song-finder.ts'
import { SongLibrary } from './library/song-library.ts'
import type { PeerNetwork } from './network/peer-network.ts'
import { PeerScout } from './network/peer-scout.ts'
import { NodeEvents } from './node-events.ts'
import { CoverShelf } from './page/cover-shelf.ts'
import { EventTopics } from './page/event-topics.ts'
import type { PageHost } from './page/page-host.ts'
import type { PeerIdentity } from './peer-identity.ts'
import { PlayLog } from './playback/play-log.ts'
import { PlayQueueDesk } from './playback/play-queue-desk.ts'
import { PlaybackDesk } from './playback/playback-desk.ts'
import { SongMaps } from './playback/song-map.ts'
import { TransferLedger } from './playback/transfer-ledger.ts'
import { VerifiedAudio } from './playback/verified-audio.ts'
import type { TrackerPort } from './ports.ts'
import type { SharingChoice } from './sharing/sharing-choice.ts'
import { makeSharingParts } from './sharing/sharing-parts.ts'
import { ChunkBuffers } from './store/chunk-buffers.ts'
import { ManifestCache } from './store/manifest-cache.ts'
import { makeStorageParts } from './store/storage-parts.ts'
import type { TransferNews } from './tracker/transfer-news.ts'
import type { UploadServer } from './upload-server.ts'

export interface PeerNodeDeps {
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Timers
  readonly random: Random
  readonly logger: Logger
  /** Absent: the node runs for itself alone. */
  readonly host?: PageHost
}

export interface NodePartsOptions {
  readonly config: PeerNodeConfig
  readonly identity: PeerIdentity
  readonly choice: SharingChoice
  /** The tracker does not know this node any more. */
  readonly peerUnknown: () => void
}

export type NodeParts = Awaited<ReturnType<typeof makeNodeParts>>

/** Services are asked again soon, so one answer is not waited for long. */
const SERVICE_TIMEOUT_MS = 5 * SECOND_MS

/** @throws EvaError `EVA_DIRECTORY_LOCKED`, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED`; nothing is left open then. */
export async function makeNodeParts(deps: PeerNodeDeps, { config, identity, choice, peerUnknown }: NodePartsOptions) {
  const { clock, timers, random, logger: log } = deps
  const { directory } = identity
  const registry = new Registry()
  const ledger = new TransferLedger({ registry })
  const clients = makeClients(config)
  const buffers = new ChunkBuffers()
  const later = {
    library: () => library,
    playback: () => playback,
    queue: () => queue,
    news: () => news,
    arrivals: () => coordinator.arrivals,
  }
  const { store, recent, keeper } = await makeStorageParts(
    { ...deps, ...later, log, choice, tracker: clients.tracker },
    { config, identity },
  )
  const sharingDeps = { ...deps, ...later, log, store, ledger, buffers, choice, tracker: clients.tracker, peerUnknown }
  const sharing = await makeSharingParts(sharingDeps, { config, identity })
  const { tracker, uploads, network, holdings } = sharing
  const events = makeEvents({ timers, ledger, network, uploads })
  const scout = new PeerScout({ tracker, clock, log, introduce: peer => void network.introduce(peer) })
  const told = { news: () => news, plays: () => plays, maps: () => maps, audio: () => audio }
  const sources = { ...sharing, origin: clients.origin, scout, store, ledger, buffers }
  const coordinator = makeCoordinator({ ...deps, ...told, ...sources, ...identity, config, choice })
  const playbackDeps = { ...deps, registry, store, coordinator, playStarted: (songId: SongId) => queue.playStarted(songId) }
  const { audio, plays, playback } = makePlaybackParts(playbackDeps)
  network.listen(coordinator.peers)
  const cache = new ManifestCache({ directory })
  const library = new SongLibrary({
    store,
    cache,
    metadata: clients.metadata,
    coordinator,
    network,
    lookAhead: songId => scout.lookAhead(songId),
    timers,
    random: random.fork(),
    log,
    opened: (manifest, heldChunkIds) => news.songOpened(manifest, heldChunkIds),
  })
  const news = new ChunkNews({ library, coordinator, uploads, announcer: holdings, events, log })
  const maps = new SongMaps({ library, store, coordinator })
  const queue = new PlayQueueDesk({ clock, library, coordinator })
  return {
    registry,
    ledger,
    clients,
    store,
    ...sharing,
    events,
    topics: new EventTopics({ timers }),
    maps,
    scout,
    coordinator,
    library,
    finder: new SongFinder({ library, cache, metadata: clients.metadata, clock }),
    queue,
    playback,
    recent,
    keeper,
    catalog: clients.catalog,
    covers: new CoverShelf({ origin: clients.covers, clock }),
    listLibrary: () => listLibrary({ metadata: clients.metadata, log, knownSongs: () => library.manifests() }),
  }
}

interface CoordinatorPartsDeps extends PeerNodeDeps {
  readonly config: PeerNodeConfig
  readonly choice: SharingChoice
  readonly origin: OriginClient
  readonly network: PeerNetwork
  readonly uploads: UploadServer
  readonly peerId: PeerId
  readonly scout: PeerScout
  readonly tracker: TrackerPort
  readonly store: ChunkStore
  readonly ledger: TransferLedger
  readonly buffers: ChunkBuffers
  readonly transfers: TransferNews
  /** Made later. */
  news(): ChunkNews
  plays(): PlayLog
  maps(): SongMaps
  audio(): VerifiedAudio
}

function makeCoordinator({
  clock,
  timers,
  random,
  logger: log,
  config,
  choice,
  peerId,
  scout,
  tracker,
  uploads,
  news,
  plays,
  maps,
  audio,
  transfers,
  ...parts
}: CoordinatorPartsDeps) {
  return new DownloadCoordinator({
    ...parts,
    scheduler: new Scheduler(engineConfig(engineSettings(config, choice.mode === 'on')), random.fork(), peerId),
    clock,
    tracker: {
      getPeers: (songId, signal) => scout.getPeers(songId, signal),
      requestOriginLeases: (songId, wanted, signal) => tracker.requestOriginLeases(songId, wanted, signal),
      reportPeer: (peerId, reason, signal) => tracker.reportPeer(peerId, reason, signal),
      returnOriginLeases: (songId, returned, signal) => tracker.returnOriginLeases(songId, returned, signal),
    },
    lend: (songId, chunkId, chunk) => uploads.lend(songId, chunkId, chunk),
    log,
    makeTimer: wake => new DeadlineTimer({ clock, timers, wake }),
    chunkStored: stored => news().chunkStored(stored),
    chunkVerified: verified => {
      plays().chunkVerified(verified)
      maps().chunkVerified(verified)
      transfers.note(verified)
    },
    chunkArriving: (songId, chunkId) => news().chunkArriving(songId, chunkId),
    arrivalEnded: (songId, chunkId) => news().arrivalEnded(songId, chunkId),
    audioArrived: songId => audio().arrived(songId),
  })
}

interface PlaybackPartsDeps extends PeerNodeDeps {
  readonly registry: Registry
  readonly store: ChunkStore
  readonly coordinator: DownloadCoordinator
  playStarted(songId: SongId): void
}

function makePlaybackParts({ clock, timers, logger: log, registry, store, coordinator, playStarted }: PlaybackPartsDeps) {
  const audio = new VerifiedAudio({ store, arriving: coordinator })
  const plays = new PlayLog({ clock, timers, registry, playStarted, playEnded: play => log.info(play, 'a play is over') })
  return { audio, plays, playback: new PlaybackDesk({ audio, coordinator, plays, clock, timers, log }) }
}

interface EventSources {
  readonly timers: Timers
  readonly ledger: TransferLedger
  readonly network: PeerNetwork
  readonly uploads: UploadServer
}

function makeEvents({ timers, ledger, network, uploads }: EventSources): NodeEvents {
  return new NodeEvents({
    timers,
    totals: () => {
      const { originBytes, peerBytes, sentBytes, wastedBytes } = ledger.totals()
      const peers = { downloadingFrom: network.connectionCount, uploadingTo: uploads.snapshot().connectionCount }
      return { kind: 'totals', received: { originBytes, peerBytes }, sentBytes, wastedBytes, peers }
    },
  })
}

/** A crowd's uplinks bring its chunks in bursts; who only receives waits that long for the next one. */
const ORIGIN_YIELD_MS = 3 * SECOND_MS

/** Who does not register cannot speak to the tracker for itself: it has no leases, hands nothing on, and comes after those who do. */
function engineSettings({ downloadsMax, downloadLimitBytesPerSecond }: PeerNodeConfig, hasLeases: boolean): Partial<EngineConfig> {
  return { downloadsInFlightMax: downloadsMax, downloadLimitBytesPerSecond, hasLeases, originYieldMs: ORIGIN_YIELD_MS }
}

function makeClients({ metadataUrl, trackerUrl, originUrl }: PeerNodeConfig) {
  return {
    metadata: new MetadataClient({ baseUrl: metadataUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
    tracker: new TrackerClient({ baseUrl: trackerUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
    origin: new OriginClient({ baseUrl: originUrl }),
    catalog: new LibraryClient({ baseUrl: metadataUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
    covers: new CoverClient({ baseUrl: originUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
  }
}
