// The peer node's door: settings in, a running node out, on the real clock and with real chance.
// Not its parts: peer-node.ts starts them.
// Invariant: the only file of this app that draws chance.

import { seededRandom } from '@evastream/core/random'
import { rehearse } from '@evastream/engine/rehearsal'
import type { Logger } from '@evastream/service-kit/logger'
import { prepareSchemaChecks } from '@evastream/service-kit/schema-check'
import { systemClock, systemTimers, systemWallClock } from '@evastream/service-kit/system-clock'
import { type PeerNodeValues, peerNodeConfig } from './config.ts'
import type { PageHost } from './page/page-host.ts'
import { PeerNode } from './peer-node.ts'

/** A running service which can also be asked to fetch, wait for and export songs. `host`: what its page has beside a peer's own. */
export async function startPeerNode(values: PeerNodeValues, logger: Logger, host: PageHost = {}): Promise<PeerNode> {
  const random = seededRandom(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER))
  const time = { clock: systemClock, wallClock: systemWallClock, timers: systemTimers }
  const node = await PeerNode.start({ ...time, random, logger, host }, peerNodeConfig(values))
  setImmediate(warmUp)
  return node
}

/** What runs for the first time takes its time: now nobody waits for it yet. */
function warmUp(): void {
  prepareSchemaChecks()
  rehearse()
}
