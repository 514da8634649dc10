// The parts by which a node meets others, made and joined: who it dials, who it serves and how much, and what the tracker hears of it.
// Not what is fetched from whom (the Scheduler and its coordinator); nothing of these parts listens, dials or asks yet.
// Invariant: what `--sharing` forbids is not there to be called by mistake, and both directions share one count of connections.

import type { OriginLeasePace, TrackerClient } from '@evastream/clients/tracker-client'
import type { SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { MINUTE_MS, type Millis } from '@evastream/core/units'
import { UplinkMeter } from '@evastream/engine/leases/uplink-meter'
import { LISTED_PEERS_MAX } from '@evastream/protocol/tracker-http'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import type { PeerNodeConfig } from '../config.ts'
import type { ChunkArrivals } from '../download/chunk-arrivals.ts'
import type { SongLibrary } from '../library/song-library.ts'
import { ConnectionLimits } from '../network/connection-limits.ts'
import { PeerNetwork } from '../network/peer-network.ts'
import type { PeerIdentity } from '../peer-identity.ts'
import type { PlaybackDesk } from '../playback/playback-desk.ts'
import type { TransferLedger } from '../playback/transfer-ledger.ts'
import type { ChunkStorePort, NodeLog, TrackerPort } from '../ports.ts'
import type { ChunkBuffers } from '../store/chunk-buffers.ts'
import { ChunkAnnouncer } from '../tracker/chunk-announcer.ts'
import { TrackerHoldings } from '../tracker/tracker-holdings.ts'
import { TrackerScope } from '../tracker/tracker-scope.ts'
import { TransferNews } from '../tracker/transfer-news.ts'
import { UploadCap } from '../upload/upload-cap.ts'
import { UploadUsageFile } from '../upload/upload-usage-file.ts'
import { UploadServer } from '../upload-server.ts'
import type { SharingChoice } from './sharing-choice.ts'
import { absentTracker } from './sharing-mode.ts'

/** What the tracker takes at the most. */
const EXPECTED_MAX_MS = MINUTE_MS
const BACKLOG_MAX_MS = 60 * MINUTE_MS

interface SharingPartsDeps {
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Timers
  readonly random: Random
  readonly log: NodeLog
  readonly store: ChunkStorePort
  readonly ledger: TransferLedger
  readonly tracker: TrackerClient
  readonly choice: Pick<SharingChoice, 'mode'>
  /** Made later. */
  library(): Pick<SongLibrary, 'list'>
  playback(): Pick<PlaybackDesk, 'bufferMs'>
  arrivals(): ChunkArrivals
  readonly buffers: ChunkBuffers
  /** The tracker does not know this node any more. */
  peerUnknown(): void
}

interface SharingPartsOptions {
  readonly config: PeerNodeConfig
  readonly identity: PeerIdentity
}

export async function makeSharingParts(deps: SharingPartsDeps, { config, identity }: SharingPartsOptions) {
  const { ledger, store, library, playback } = deps
  const { peerId } = identity
  const { host, peerPort: port, uploadsMax, uploadLimitBytesPerSecond } = config
  const limits = new ConnectionLimits({ connectionsMax: config.connectionsMax })
  const scope = new TrackerScope({}, config)
  const file = new UploadUsageFile(identity)
  const cap = config.uploadCap === undefined ? undefined : await UploadCap.open({ ...deps, file }, config.uploadCap)
  const uplink = new UplinkMeter()
  const uploads = new UploadServer(
    {
      ...deps,
      limits,
      quota: cap,
      arrivals: {
        arrivingChunks: songId => deps.arrivals().arrivingChunks(songId),
        arrivingBlocks: (songId, chunkId) => deps.arrivals().arrivingBlocks(songId, chunkId),
        arrivalOf: (songId, chunkId) => deps.arrivals().arrivalOf(songId, chunkId),
      },
      bufferMs: () => playback().bufferMs,
      onBytesSent: sizeBytes => ledger.sent(sizeBytes),
      onBytesDelivered: sizeBytes => uplink.delivered(sizeBytes, deps.clock.now()),
      onBusy: isBusy => uplink.busy(isBusy, deps.clock.now()),
      uplinkBytesPerSecond: () => uplink.rateBytesPerSecond(deps.clock.now()),
      onUploadingChanged: isUploading => holdings.setUploading(isUploading),
    },
    { peerId, host, port, uploadsMax, uploadLimitBytesPerSecond },
  )
  const network = new PeerNetwork(
    { ...deps, limits, mayDial: host => scope.mayDial(host), onBytesWasted: sizeBytes => ledger.wasted(sizeBytes, 'late') },
    { ownPeerId: peerId },
  )
  const transfers = new TransferNews({ ledger })
  const leasePace = () => leasePaceOf(uplink, { owedBytes: uploads.owedBytes, at: deps.clock.now() })
  const tracker = trackerPort(deps.tracker, {
    choice: deps.choice,
    limits,
    scope,
    transfers,
    leasePace,
    along: (songId, call) => announcer.along(songId, call),
  })
  const announcer = new ChunkAnnouncer({ ...deps, tracker, random: deps.random.fork() })
  const heldOf = ({ songId }: { readonly songId: SongId }) => [songId, store.heldChunks(songId)] as const
  const holdings = new TrackerHoldings({ announcer, held: () => library().list().map(heldOf) })
  return { scope, cap, uplink, uploads, network, tracker, announcer, holdings, transfers }
}

interface TrackerPortOptions {
  readonly choice: Pick<SharingChoice, 'mode'>
  readonly limits: ConnectionLimits
  readonly scope: TrackerScope
  readonly transfers: TransferNews
  readonly leasePace: () => LeasePace
  /** Makes a call that takes what is new of the song along. */
  readonly along: ChunkAnnouncer['along']
}

type LeasePace = Pick<OriginLeasePace, 'backlogMs' | 'uplinkBytesPerSecond'>

/** What the tracker judges by: leases go to uplinks that will soon be free. */
function leasePaceOf(uplink: UplinkMeter, { owedBytes, at }: { readonly owedBytes: number; readonly at: Millis }): LeasePace {
  const rate = uplink.rateBytesPerSecond(at)
  if (rate === undefined) return {}
  return { backlogMs: Math.min(BACKLOG_MAX_MS, Math.round(uplink.backlogMs(owedBytes, at))), uplinkBytesPerSecond: Math.round(rate) }
}

/** The tracker, as long as it is spoken to at all. */
function trackerPort(client: TrackerClient, options: TrackerPortOptions): TrackerPort {
  const open = openPort(client, options)
  const port = () => (options.choice.mode === 'off' ? absentTracker : open)
  return {
    getPeers: (...asked) => port().getPeers(...asked),
    notifyChunkAcquired: (...told) => port().notifyChunkAcquired(...told),
    notifyChunkReleased: (...told) => port().notifyChunkReleased(...told),
    requestOriginLeases: (...asked) => port().requestOriginLeases(...asked),
    returnOriginLeases: (...told) => port().returnOriginLeases(...told),
    reportPeer: (...told) => port().reportPeer(...told),
  }
}

function openPort(client: TrackerClient, { choice, limits, scope, transfers, leasePace, along }: TrackerPortOptions): TrackerPort {
  const limit = Math.min(LISTED_PEERS_MAX, limits.dialledMax)
  return {
    getPeers: async (songId, signal) => {
      // Who registers looks the tracker up again at each registration; who does not, here.
      if (choice.mode === 'receive-only') await scope.refresh()
      return client.getPeers(songId, { limit }, signal)
    },
    notifyChunkAcquired: (songId, chunkIds, signal) =>
      transfers.telling(songId, chunkIds, told => client.notifyChunkAcquired(songId, chunkIds, signal, told)),
    notifyChunkReleased: (songId, chunkIds, signal) => client.notifyChunkReleased(songId, chunkIds, signal),
    requestOriginLeases: (songId, { chunkIds, expectedMs }, signal) =>
      along(songId, news => {
        const wish = { ...leasePace(), chunkIds, expectedMs: Math.min(EXPECTED_MAX_MS, expectedMs) }
        if (news.length === 0) return client.requestOriginLeases(songId, wish, signal)
        return transfers.telling(songId, news, told =>
          client.requestOriginLeases(songId, { ...wish, acquired: { chunkIds: [...news], ...told } }, signal),
        )
      }),
    reportPeer: (peerId, reason, signal) => client.reportPeer(peerId, reason, signal),
    returnOriginLeases: async (songId, returned, signal) => void (await client.returnOriginLeases(songId, returned, signal)),
  }
}
