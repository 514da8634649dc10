// The tracker service: parse, build, wire, start, stop.
// Not behaviour: every part has a file of its own.
// Invariant: after `close` no timer, socket or call of it is left.

import { MetadataClient } from '@evastream/clients/metadata-client'
import { seededRandom } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import type { ConfigValues } from '@evastream/service-kit/config'
import { createHttpService } from '@evastream/service-kit/http-service'
import { listen } from '@evastream/service-kit/listen'
import type { Logger } from '@evastream/service-kit/logger'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { RunningService } from '@evastream/service-kit/run-service'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { randomToken } from '@evastream/service-kit/token-generator'
import { Registry } from 'prom-client'
import { trackerConfig, type trackerOptions } from './config.ts'
import { openHotLane } from './hot-lane.ts'
import { startHousekeeping } from './housekeeping.ts'
import { ReachabilityCheck } from './reachability-check.ts'
import { addTrackerRoutes, BODY_LIMIT_BYTES } from './routes.ts'
import { SongDirectory } from './song-directory.ts'
import { measureTracker } from './tracker-metrics.ts'
import { makeTrackerParts } from './tracker-parts.ts'

const METADATA_TIMEOUT_MS = 3 * SECOND_MS

export async function startTrackerService(values: ConfigValues<typeof trackerOptions>, logger: Logger): Promise<RunningService> {
  const config = trackerConfig(values)
  const clock = systemClock
  const metadata = new MetadataClient({ baseUrl: config.metadataUrl, timeoutMs: METADATA_TIMEOUT_MS })
  const directory = new SongDirectory({ metadata, clock, log: logger }, config)
  const random = seededRandom(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER))
  const { desk, registry, leases, traffic } = makeTrackerParts(
    { directory, reachability: new ReachabilityCheck(), clock, random },
    { ...config, bootId: randomToken(12) },
  )

  const metrics = new Registry()
  const app = await createHttpService(
    { logger, registry: metrics, isReady: () => undefined },
    { service: 'tracker', title: 'EvaStream tracker', version: PROGRAM_VERSION, preparesRequests: true, bodyLimitBytes: BODY_LIMIT_BYTES },
  )
  addTrackerRoutes(app, desk)
  measureTracker(metrics, { registry, leases, traffic, clock })
  openHotLane(app, { desk, clock, metrics })
  const { url } = await listen(app, { host: config.host, port: config.port, portFlag: '--port' })
  const stopHousekeeping = startHousekeeping({ registry, leases, directory, clock, timers: systemTimers, logger }, config)
  logger.info({ url, metadata: config.metadataUrl }, 'tracking')
  return {
    service: 'tracker',
    url,
    async close() {
      stopHousekeeping()
      await app.close()
      await metadata.close()
    },
  }
}
