// What whoever runs the node adds to its page: facts of its own, further routes, further topics.
// Not the page (page-routes.ts); a node that runs for itself alone adds nothing.
// Invariant: what is added stands behind the same guard as everything else here.

import type { PeerId } from '@evastream/core/ids'
import type { PageAbout } from '@evastream/protocol/page-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { EventTopics } from './event-topics.ts'
import type { SwarmHost } from './swarm-page.ts'

export interface PageHost {
  /** Undefined: loopback, as for everybody who listens alone. */
  readonly listen?: {
    readonly host: string
    /** Further hosts that pages may be asked by, as the guard takes them. */
    readonly allowedHosts: readonly string[]
    /** The flag that chooses the port, for the messages. */
    readonly portFlag: string
  }
  readonly about?: Partial<Omit<PageAbout, 'version' | 'peerId'>>
  /** Only the operator's own gateway. */
  readonly swarm?: SwarmHost
  addRoutes?(app: HttpApp, parts: { readonly topics: EventTopics }): void | Promise<void>
}

export function pageAbout(peerId: PeerId, { about, swarm }: PageHost): PageAbout {
  const own = { servedBy: 'peer', isDemo: false, operator: null, pricePerGb: null, hasHistory: swarm !== undefined } as const
  return { ...own, ...about, version: PROGRAM_VERSION, peerId }
}
