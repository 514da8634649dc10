// The parts of a node, made and joined; nothing of them listens, dials or runs yet.
// Not their starting and stopping (peer-node.ts), and no behaviour: a callback here only hands over from one part to another.
// Invariant: every part gets what it needs as an argument, and no part knows how another was made.

import { MetadataClient } from '@evastream/clients/metadata-client'
import { OriginClient } from '@evastream/clients/origin-client'
import { TrackerClient } from '@evastream/clients/tracker-client'
import type { SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import { engineConfig } from '@evastream/engine/config'
import { Scheduler } from '@evastream/engine/scheduler'
import { LISTED_PEERS_MAX } from '@evastream/protocol/tracker-http'
import type { Logger } from '@evastream/service-kit/logger'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { Registry } from 'prom-client'
import { ChunkAnnouncer } from './chunk-announcer.ts'
import { ChunkNews } from './chunk-news.ts'
import { ChunkStore } from './chunk-store.ts'
import type { PeerNodeConfig } from './config.ts'
import { DownloadCoordinator } from './download-coordinator.ts'
import { ManifestCache } from './manifest-cache.ts'
import { NodeEvents } from './node-events.ts'
import type { PeerIdentity } from './peer-identity.ts'
import { PeerNetwork } from './peer-network.ts'
import type { TrackerPort } from './ports.ts'
import { SongLibrary } from './song-library.ts'
import { TrackerScope } from './tracker-scope.ts'
import { TransferLedger } from './transfer-ledger.ts'
import { UploadServer } from './upload-server.ts'
import { DeadlineTimer } from './wake-timer.ts'

export interface PeerNodeDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly logger: Logger
}

export interface NodePartsOptions {
  readonly config: PeerNodeConfig
  readonly identity: PeerIdentity
  /** The tracker does not know this node any more. */
  readonly peerUnknown: () => void
}

export type NodeParts = Awaited<ReturnType<typeof makeNodeParts>>

/** Services are asked again soon, so one answer is not waited for long. */
const SERVICE_TIMEOUT_MS = 5 * SECOND_MS

/** @throws EvaError `EVA_DIRECTORY_LOCKED`, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED`; nothing is left open then. */
export async function makeNodeParts(deps: PeerNodeDeps, { config, identity, peerUnknown }: NodePartsOptions) {
  const { clock, timers, random, logger: log } = deps
  const { peerId, directory } = identity
  const registry = new Registry()
  const ledger = new TransferLedger({ registry })
  const clients = makeClients(config)
  const store = await ChunkStore.open(
    { onRotten: (songId, chunkId, reason) => news.chunkLost(songId, chunkId, reason) },
    { directory, directoryFlag: '--peer.id' },
  )
  const tracker = trackerPort(clients.tracker, Math.min(LISTED_PEERS_MAX, config.peersMax))
  const scope = new TrackerScope({}, config)
  const events = new NodeEvents({
    timers,
    totals: () => {
      const { originBytes, peerBytes, sentBytes, wastedBytes } = ledger.totals()
      const peers = { downloadingFrom: network.connectionCount, uploadingTo: uploads.snapshot().connectionCount }
      return { kind: 'totals', received: { originBytes, peerBytes }, sentBytes, wastedBytes, peers }
    },
  })
  const uploads = new UploadServer(
    { store, clock, timers, log, onBytesSent: sizeBytes => ledger.sent(sizeBytes) },
    {
      peerId,
      host: config.host,
      port: config.peerPort,
      uploadsMax: config.uploadsMax,
      uploadLimitBytesPerSecond: config.uploadLimitBytesPerSecond,
    },
  )
  const network = new PeerNetwork(
    { clock, timers, log, mayDial: host => scope.mayDial(host), onBytesWasted: sizeBytes => ledger.wasted(sizeBytes, 'late') },
    { ownPeerId: peerId, connectionsMax: config.peersMax },
  )
  const announcer = new ChunkAnnouncer({ tracker, timers, random: random.fork(), log, peerUnknown })
  const coordinator = new DownloadCoordinator({
    scheduler: new Scheduler(engineConfig({ downloadsInFlightMax: config.downloadsMax }), random.fork()),
    clock,
    origin: clients.origin,
    network,
    tracker,
    store,
    ledger,
    log,
    makeTimer: wake => new DeadlineTimer({ clock, timers, wake }),
    chunkStored: stored => news.chunkStored(stored),
  })
  network.listen(coordinator.peers)
  const library = new SongLibrary({
    store,
    cache: new ManifestCache({ directory }),
    metadata: clients.metadata,
    coordinator,
    network,
    timers,
    random: random.fork(),
    log,
    opened: (manifest, heldChunkIds) => news.songOpened(manifest, heldChunkIds),
  })
  const news = new ChunkNews({ library, coordinator, uploads, announcer, events, log })
  return { registry, ledger, clients, store, scope, events, uploads, network, announcer, coordinator, library }
}

function makeClients({ metadataUrl, trackerUrl, originUrl }: PeerNodeConfig) {
  return {
    metadata: new MetadataClient({ baseUrl: metadataUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
    tracker: new TrackerClient({ baseUrl: trackerUrl, timeoutMs: SERVICE_TIMEOUT_MS }),
    origin: new OriginClient({ baseUrl: originUrl }),
  }
}

function trackerPort(tracker: TrackerClient, limit: number): TrackerPort {
  return {
    getPeers: (songId: SongId, signal) => tracker.getPeers(songId, { limit }, signal),
    notifyChunkAcquired: (songId, chunkIds, signal) => tracker.notifyChunkAcquired(songId, chunkIds, signal),
    notifyChunkReleased: (songId, chunkIds, signal) => tracker.notifyChunkReleased(songId, chunkIds, signal),
  }
}
