// The origin server: parse, build, wire, start, stop.
// Not behaviour: every part has a file of its own.
// Invariant: it needs nothing but a directory; neither metadata nor tracker must run.

import { existsSync } from 'node:fs'
import { SECOND_MS } from '@evastream/core/units'
import { createHttpService } from '@evastream/service-kit/http-service'
import { listen } from '@evastream/service-kit/listen'
import type { Logger } from '@evastream/service-kit/logger'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { RunningService } from '@evastream/service-kit/run-service'
import { systemClock } from '@evastream/service-kit/system-clock'
import { Registry } from 'prom-client'
import { Admission } from './admission.ts'
import { DirectoryChunkStorage, openStorageDirectory } from './chunk-storage.ts'
import type { OriginServerConfig } from './config.ts'
import { FileReads } from './file-reads.ts'
import { FileSender } from './file-sender.ts'
import { OriginCounters } from './origin-counters.ts'
import { addOriginRoutes } from './routes.ts'

/** A client that takes nothing for so long is cut off: its slot is worth more to others. */
const SEND_STALL_MAX_MS = 30 * SECOND_MS

export async function startOriginServer(config: OriginServerConfig, logger: Logger): Promise<RunningService> {
  const directory = await openStorageDirectory(config.storage)
  const registry = new Registry()
  const app = await createHttpService(
    { logger, registry, isReady: () => (existsSync(directory) ? undefined : 'its storage directory is gone') },
    { service: 'origin', title: 'EvaStream origin server', version: PROGRAM_VERSION, preparesRequests: true },
  )
  addOriginRoutes(app, {
    storage: new DirectoryChunkStorage({ reads: new FileReads({ clock: systemClock }) }, { directory }),
    admission: new Admission({ clock: systemClock }, { concurrentMax: config.maxConcurrent, bytesPerSecondMax: config.maxBytesPerSecond }),
    sender: new FileSender(),
    counters: new OriginCounters({ registry }),
    logger,
    clock: systemClock,
    metrics: registry,
  })
  app.server.timeout = SEND_STALL_MAX_MS
  const { url } = await listen(app, { host: config.host, port: config.port, portFlag: '--port' })
  logger.info({ url, directory }, 'serving')
  return { service: 'origin', url, close: async () => await app.close() }
}
