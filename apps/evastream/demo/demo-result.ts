// What the demo measured, and the four things a viewer should have observed, as pure judgement.
// Not the measuring (demo-story.ts) and not the drawing (closing-table.ts).
// Invariant: nothing is true here that the figures beside it do not show.

export interface PeerResult {
  readonly peerId: string
  readonly originBytes: number
  readonly peerBytes: number
  readonly sentBytes: number
  readonly complete: boolean
  /** Whether the whole song, read back from the peer's player, has the published file's SHA-256. */
  readonly sha256Ok: boolean
}

export interface OriginStoppedPeer {
  readonly peerId: string
  /** Whole and bit for bit the published file. */
  readonly complete: boolean
  readonly originBytes: number
}

export interface Observations {
  readonly firstMostlyOrigin: boolean
  readonly laterMostlyPeers: boolean
  readonly originFalls: boolean
  readonly selfSustaining: boolean
}

export interface Measurements {
  readonly songId: string
  readonly songBytes: number
  readonly sha256: string
  /** In the order in which they started; a killed one with its last sample. */
  readonly peers: readonly PeerResult[]
  /** What the origin sent while each of the peers downloaded, in the same order, by the origin's own counter. */
  readonly originBytesByPeer: readonly number[]
  readonly originStoppedPeer: OriginStoppedPeer
}

export interface DemoResult extends Omit<Measurements, 'originBytesByPeer'> {
  readonly originBytesTotal: number
  readonly observations: Observations
  readonly ok: boolean
}

/** Origin bandwidth has fallen when the last download took at most this share of what the first one took. */
const FALLEN_RATIO_MAX = 0.1

export function judge(measurements: Measurements): DemoResult {
  const { originBytesByPeer, ...told } = measurements
  const observations = observe(measurements)
  const everybodyWhole = told.peers.every(peer => peer.complete && peer.sha256Ok)
  return {
    ...told,
    originBytesTotal: originBytesByPeer.reduce((sum, bytes) => sum + bytes, 0),
    observations,
    ok: everybodyWhole && Object.values(observations).every(Boolean),
  }
}

function observe({ songBytes, peers, originBytesByPeer, originStoppedPeer }: Measurements): Observations {
  const [first, ...later] = peers
  const [firstBytes = 0, ...laterBytes] = originBytesByPeer
  const lastBytes = laterBytes.at(-1) ?? firstBytes
  return {
    firstMostlyOrigin: first !== undefined && first.originBytes > songBytes / 2 && first.originBytes > first.peerBytes,
    laterMostlyPeers: later.length > 0 && later.every(peer => peer.peerBytes > songBytes / 2 && peer.peerBytes > peer.originBytes),
    originFalls: firstBytes > 0 && laterBytes.every(bytes => bytes < firstBytes) && lastBytes <= firstBytes * FALLEN_RATIO_MAX,
    selfSustaining: originStoppedPeer.complete && originStoppedPeer.originBytes === 0,
  }
}
