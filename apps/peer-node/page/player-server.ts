// The HTTP server of the player on this machine: on loopback unless its host says otherwise, on the wished port or the first free one.
// Not its routes (player-routes.ts).
// Invariant: a port that was asked for by number is never swapped for another.

import { EvaError } from '@evastream/core/errors'
import { createHttpService } from '@evastream/service-kit/http-service'
import { type ListeningAddress, listen } from '@evastream/service-kit/listen'
import type { Logger } from '@evastream/service-kit/logger'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import { addSwarmRoutes, type SwarmRoutesDeps } from '@evastream/swarm-board/swarm-routes'
import type { Registry } from 'prom-client'
import { DEFAULT_HTTP_PORT } from '../config.ts'
import { addPlayerRoutes, type PlayerRoutesDeps } from '../player-routes.ts'
import { addEventRoutes, type EventRoutesDeps } from './event-routes.ts'
import type { EventTopics } from './event-topics.ts'
import { addLibraryRoutes, type LibraryRoutesDeps } from './library-routes.ts'
import type { PageHost } from './page-host.ts'
import { addPageRoutes, type PageRoutesDeps } from './page-routes.ts'
import { addPlaylistRoutes, type PlaylistRoutesDeps } from './playlist-routes.ts'
import { addQueueRoutes, type QueueRoutesDeps } from './queue-routes.ts'
import { addSharingRoutes, type SharingRoutesDeps } from './sharing-routes.ts'
import { addSongMapRoutes, type SongMapRoutesDeps } from './song-map-routes.ts'
import { addStreamRoutes, type StreamRoutesDeps } from './stream-routes.ts'

export interface PlayerServerDeps
  extends PlayerRoutesDeps,
    EventRoutesDeps,
    LibraryRoutesDeps,
    PageRoutesDeps,
    PlaylistRoutesDeps,
    QueueRoutesDeps,
    SharingRoutesDeps,
    SongMapRoutesDeps,
    StreamRoutesDeps {
  readonly topics: EventTopics
  readonly swarm: SwarmRoutesDeps
  readonly host: PageHost
  readonly library: PlayerRoutesDeps['library'] & PlaylistRoutesDeps['library'] & SongMapRoutesDeps['library'] & StreamRoutesDeps['library']
  readonly playback: PlayerRoutesDeps['playback'] & StreamRoutesDeps['playback']
  readonly logger: Logger
  readonly registry: Registry
  isReady(): string | undefined
}

export interface PlayerServerOptions {
  /** Undefined: the first free one from DEFAULT_HTTP_PORT on. */
  readonly httpPort: number | undefined
  /** Origins whose pages may play songs: `https://radio.example`. */
  readonly allowedOrigins: readonly string[]
}

export interface PlayerServer extends ListeningAddress {
  close(): Promise<void>
}

const LOOPBACK = { host: '127.0.0.1', allowedHosts: [], portFlag: '--http.port' }
/** So many peers without a port of their own may run on one machine. */
const PORTS_TRIED_MAX = 200

/** @throws EvaError `EVA_PORT_TAKEN` or `EVA_PORT_FORBIDDEN`, naming --http.port */
export async function startPlayerServer(deps: PlayerServerDeps, options: PlayerServerOptions): Promise<PlayerServer> {
  const app = await createHttpService(deps, { service: 'peer', title: 'EvaStream peer', version: PROGRAM_VERSION })
  const { host, allowedHosts, portFlag } = deps.host.listen ?? LOOPBACK
  addPlayerRoutes(app, deps, { ...options, allowedHosts })
  addStreamRoutes(app, deps, options)
  addLibraryRoutes(app, deps)
  addPlaylistRoutes(app, deps)
  addQueueRoutes(app, deps)
  addSharingRoutes(app, deps)
  addSongMapRoutes(app, deps)
  addEventRoutes(app, deps)
  addSwarmRoutes(app, deps.swarm)
  await addPageRoutes(app, deps)
  await deps.host.addRoutes?.(app, deps)
  const first = options.httpPort ?? DEFAULT_HTTP_PORT
  const last = options.httpPort === undefined ? first + PORTS_TRIED_MAX - 1 : first
  for (let port = first; ; port++) {
    try {
      const address = await listen(app, { host, port, portFlag })
      return { ...address, close: () => app.close() }
    } catch (thrown) {
      if (port < last && thrown instanceof EvaError && thrown.code === 'EVA_PORT_TAKEN') continue
      await app.close()
      throw thrown
    }
  }
}
