// The parts by which a node meets others, made and joined: the upload server with its limits and cap, the tracker's port and scope.
// Not the dialling (peer-network.ts), which shares the limits; nothing of them listens or asks yet.
// Invariant: what `--sharing` forbids is not there to be called by mistake.

import type { TrackerClient } from '@evastream/clients/tracker-client'
import type { SongId } from '@evastream/core/ids'
import { LISTED_PEERS_MAX } from '@evastream/protocol/tracker-http'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import type { ChunkReader } from './chunk-loans.ts'
import type { PeerNodeConfig } from './config.ts'
import { ConnectionLimits } from './connection-limits.ts'
import type { PeerIdentity } from './peer-identity.ts'
import type { NodeLog, TrackerPort } from './ports.ts'
import { absentTracker } from './sharing-mode.ts'
import { TrackerScope } from './tracker-scope.ts'
import type { TransferLedger } from './transfer-ledger.ts'
import { UploadCap } from './upload-cap.ts'
import { UploadServer } from './upload-server.ts'
import { UploadUsageFile } from './upload-usage-file.ts'

interface SharingPartsDeps {
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Timers
  readonly log: NodeLog
  readonly store: ChunkReader
  readonly tracker: TrackerClient
  readonly ledger: TransferLedger
  /** The least music that a reader of this node has ahead, in ms; undefined while nobody listens. */
  readonly bufferMs: () => number | undefined
  /** The upload cap is reached, or a new period has begun. */
  readonly onUploadingChanged: (isUploading: boolean) => void
}

interface SharingPartsOptions {
  readonly config: PeerNodeConfig
  readonly identity: PeerIdentity
}

export async function makeSharingParts(deps: SharingPartsDeps, { config, identity }: SharingPartsOptions) {
  const { tracker: client, ledger } = deps
  const limits = new ConnectionLimits({ connectionsMax: config.connectionsMax })
  const scope = new TrackerScope({}, config)
  const file = new UploadUsageFile(identity)
  const cap = config.uploadCap === undefined ? undefined : await UploadCap.open({ ...deps, file }, config.uploadCap)
  const uploads = new UploadServer(
    { ...deps, limits, quota: cap, onBytesSent: sizeBytes => ledger.sent(sizeBytes) },
    {
      peerId: identity.peerId,
      host: config.host,
      port: config.peerPort,
      uploadsMax: config.uploadsMax,
      uploadLimitBytesPerSecond: config.uploadLimitBytesPerSecond,
    },
  )
  const listedMax = Math.min(LISTED_PEERS_MAX, limits.dialledMax)
  // Who registers looks the tracker up again at each registration.
  const before = config.sharing === 'receive-only' ? () => scope.refresh() : async () => undefined
  const tracker = config.sharing === 'off' ? absentTracker : trackerPort(client, { limit: listedMax, before })
  return { limits, scope, cap, uploads, tracker }
}

interface TrackerPortOptions {
  readonly limit: number
  /** Awaited before each search. */
  before(): Promise<void>
}

function trackerPort(tracker: TrackerClient, { limit, before }: TrackerPortOptions): TrackerPort {
  return {
    getPeers: async (songId: SongId, signal) => {
      await before()
      return tracker.getPeers(songId, { limit }, signal)
    },
    notifyChunkAcquired: (songId, chunkIds, signal) => tracker.notifyChunkAcquired(songId, chunkIds, signal),
    notifyChunkReleased: (songId, chunkIds, signal) => tracker.notifyChunkReleased(songId, chunkIds, signal),
  }
}
