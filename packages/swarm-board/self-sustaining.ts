// The moment from which a swarm has lived by itself.
// Not the recording of traffic: the points come from whoever kept them.
// Invariant: from that moment on, at every later point, the server had sent at most a tenth of all that flowed since.

export interface TrafficPoint {
  readonly atMs: number
  readonly serverBytes: number
  readonly listenerBytes: number
}

export const SERVER_SHARE_MAX = 0.1
/** Less than this from listeners is no swarm yet. */
export const LISTENER_BYTES_MIN = 1_000_000

/** The earliest such point, of points in order of time; undefined when there is none. */
export function selfSustainingAt(points: readonly TrafficPoint[]): number | undefined {
  let found: number | undefined
  // The most that the server is ever over its share, of all stretches that begin here.
  let worst = 0
  let listenerBytes = 0
  for (const point of points.toReversed()) {
    const excess = point.serverBytes - SERVER_SHARE_MAX * (point.serverBytes + point.listenerBytes)
    worst = excess + Math.max(0, worst)
    listenerBytes += point.listenerBytes
    if (worst <= 0 && point.listenerBytes > 0 && listenerBytes >= LISTENER_BYTES_MIN) found = point.atMs
  }
  return found
}
