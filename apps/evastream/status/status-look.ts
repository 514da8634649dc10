// One look at a peer: its status, songs, plays and queue, asked at the same time.
// Not their drawing (status-frame.ts).

import type { PeerClient } from '@evastream/clients/peer-client'
import type { Millis } from '@evastream/core/units'
import type { PeerSongs, PeerStatus, Play } from '@evastream/protocol/peer-http'
import type { Clock } from '@evastream/service-kit/system-clock'

export interface StatusLook {
  readonly url: string
  readonly at: Millis
  readonly status: PeerStatus
  readonly songs: PeerSongs['songs']
  readonly plays: readonly Play[]
  readonly queue: readonly string[]
}

/** @throws EvaError of the call that failed */
export async function lookAt(client: PeerClient, clock: Clock, signal?: AbortSignal): Promise<StatusLook> {
  const [status, songs, plays, queue] = await Promise.all([
    client.status(signal),
    client.songs(signal),
    client.plays(signal),
    client.queues(signal),
  ])
  return { url: client.url, at: clock.now(), status, songs, plays, queue }
}

/** What a program reads: `GET /api/status` with the plays and the queue beside it. */
export function statusObject({ status, plays, queue }: StatusLook): object {
  return { ...status, plays, queue }
}
