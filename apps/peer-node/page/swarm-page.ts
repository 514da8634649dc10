// The swarm page's board in this node: a live one for a listener, and one with a history and prices for the operator's gateway.
// Not the figures (packages/swarm-board) and not what the page shows of them.
// Invariant: a listener's own page never gets anybody's id or address.

import type { MetadataClient } from '@evastream/clients/metadata-client'
import { OriginFigures } from '@evastream/clients/origin-figures'
import type { TrackerClient } from '@evastream/clients/tracker-client'
import { EvaError } from '@evastream/core/errors'
import type { PeerId } from '@evastream/core/ids'
import { SECOND_MS } from '@evastream/core/units'
import type { Logger } from '@evastream/service-kit/logger'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import { SwarmBoard, type SwarmBoardDeps } from '@evastream/swarm-board/swarm-board'
import type { SwarmRoutesDeps } from '@evastream/swarm-board/swarm-routes'
import { TrafficHistory } from '@evastream/swarm-board/traffic-history'
import type { PeerNodeConfig } from '../config.ts'
import type { TransferLedger } from '../playback/transfer-ledger.ts'
import type { SharingSwitch } from '../sharing/sharing-switch.ts'

/** What makes this node the operator's own: its traffic is the server's, and its page remembers. */
export interface SwarmHost {
  /** A SQLite file. */
  readonly historyPath: string
  readonly isOperator: SwarmRoutesDeps['isOperator']
}

export interface SwarmPageDeps {
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Timers
  readonly clients: { readonly metadata: Pick<MetadataClient, 'getManifest'>; readonly tracker: TrackerClient }
  readonly ledger: Pick<TransferLedger, 'totals'>
  readonly sharing: Pick<SharingSwitch, 'mode'>
  readonly logger: Logger
}

export interface SwarmPageOptions {
  readonly config: Pick<PeerNodeConfig, 'originUrl'>
  readonly peerId: PeerId
  /** Known to nobody else. */
  readonly directory: string
  readonly pricePerGb: number | null
  readonly host: SwarmHost | undefined
}

const ORIGIN_TIMEOUT_MS = SECOND_MS
const TITLE_TIMEOUT_MS = 2 * SECOND_MS

/** @throws EvaError `EVA_STORAGE_FAILED` for a history that cannot be opened */
export async function openSwarmBoard(deps: SwarmPageDeps, { config, peerId, directory, pricePerGb, host }: SwarmPageOptions) {
  const { clients, ledger, sharing } = deps
  const history = host === undefined ? undefined : await TrafficHistory.open(host.historyPath)
  const origin = new OriginFigures({ baseUrl: config.originUrl, timeoutMs: ORIGIN_TIMEOUT_MS })
  const secret = `${directory} ${peerId}`
  const board = new SwarmBoard(
    {
      ...deps,
      tracker: trackerUnless(() => sharing.mode === 'off', clients.tracker),
      origin: () => origin.stats(),
      titleOf: async songId => (await clients.metadata.getManifest(songId, AbortSignal.timeout(TITLE_TIMEOUT_MS))).title,
      history,
      unrecorded: error => deps.logger.warn({ code: error.code, err: error }, 'the traffic cannot be written down for now'),
      house: host === undefined ? undefined : () => ({ ...ledger.totals(), peerId, isListed: sharing.mode === 'on' }),
    },
    { pricePerGb, secret: history?.fact('secret', secret) ?? secret },
  )
  const close = async () => {
    board.close()
    await origin.close()
  }
  return { board, isOperator: host?.isOperator ?? (() => false), close }
}

/** With sharing off no tracker hears of this node, not even that somebody looks at the swarm. */
function trackerUnless(isOff: () => boolean, tracker: TrackerClient): SwarmBoardDeps['tracker'] {
  const asked = () => {
    if (isOff()) throw new EvaError('EVA_NOT_READY', { details: { reason: 'sharing is off' } })
    return tracker
  }
  return {
    stats: async (...wish) => asked().stats(...wish),
    swarms: async (...wish) => asked().swarms(...wish),
    swarm: async (...wish) => asked().swarm(...wish),
  }
}
