// How soon a crowd that starts together can have all of a song, whatever the software: bounds of fluid flow over the links.
// Not a prediction: latency, scheduling and acknowledgements are left out, so no system is faster and a good one is close.
// Invariant: bytes are audio, rates are what the token bucket counts: Ethernet frames with their headers.

const ETHERNET_FRAME_BYTES = 1514
/** A frame of 1500 bytes without the headers of IP and of TCP with timestamps. */
const AUDIO_PER_FRAME_BYTES = 1448
const BITS_PER_BYTE = 8

export interface CrowdLinks {
  readonly originMbit: number
  readonly peers: readonly { readonly upMbit: number; readonly downMbit: number }[]
}

/** The soonest with any number of copies from the origin. */
export function freeBoundSeconds(songBytes: number, { originMbit, peers }: CrowdLinks): number {
  const all = originMbit + uplinksOf(peers)
  return Math.max(sendSeconds(songBytes, originMbit), slowestDownload(songBytes, peers), sendSeconds(peers.length * songBytes, all))
}

/** The soonest when the origin sends this many copies: what it does not send, the peers' uplinks must. */
export function boundSeconds(songBytes: number, { originMbit, peers }: CrowdLinks, originCopies: number): number {
  const byOrigin = sendSeconds(originCopies * songBytes, originMbit)
  const byPeers = sendSeconds((peers.length - originCopies) * songBytes, uplinksOf(peers))
  return Math.max(byOrigin, slowestDownload(songBytes, peers), byPeers)
}

/** With how many copies the free bound is reached: the origin's share of all uplinks. */
export function freeCopies({ originMbit, peers }: CrowdLinks): number {
  return (peers.length * originMbit) / (originMbit + uplinksOf(peers))
}

/** How long a link of that rate takes for so much audio. */
export function sendSeconds(audioBytes: number, mbit: number): number {
  return (audioBytes * BITS_PER_BYTE * (ETHERNET_FRAME_BYTES / AUDIO_PER_FRAME_BYTES)) / (mbit * 1e6)
}

function uplinksOf(peers: CrowdLinks['peers']): number {
  return peers.reduce((sum, { upMbit }) => sum + upMbit, 0)
}

function slowestDownload(songBytes: number, peers: CrowdLinks['peers']): number {
  return Math.max(...peers.map(({ downMbit }) => sendSeconds(songBytes, downMbit)))
}
