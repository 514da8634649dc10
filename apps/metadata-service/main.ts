// The metadata service: builds its parts, joins them, starts and stops them.
// Not their work.
// Invariant: whatever was opened before a failure is closed again.

import { ensureWritableDirectory } from '@evastream/service-kit/data-directories'
import { createHttpService } from '@evastream/service-kit/http-service'
import { listen } from '@evastream/service-kit/listen'
import type { Logger } from '@evastream/service-kit/logger'
import { loadOrMakeOperatorToken } from '@evastream/service-kit/operator-token'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { RunningService } from '@evastream/service-kit/run-service'
import { Gauge, Registry } from 'prom-client'
import { Catalog } from './catalog.ts'
import type { MetadataConfig } from './config.ts'
import { RenderedCache } from './rendered-cache.ts'
import { addRoutes } from './routes.ts'
import { openSqliteCatalog } from './sqlite-dialect.ts'

export async function startMetadataService(config: MetadataConfig, logger: Logger): Promise<RunningService> {
  const dataDir = await ensureWritableDirectory(config.data, '--data')
  const operatorToken = await loadOrMakeOperatorToken({
    dataDir,
    token: config.token,
    tokenFile: config['token-file'],
    env: process.env,
  })
  const database = await openSqliteCatalog(dataDir)
  try {
    const catalog = new Catalog({ database, cache: new RenderedCache() })
    const app = await createHttpService(
      { logger, registry: songRegistry(catalog), isReady: () => undefined },
      { service: 'metadata', title: 'EvaStream metadata service', version: PROGRAM_VERSION, preparesRequests: true },
    )
    // After the last reply: requests under way still need the database.
    app.addHook('onClose', () => database.close())
    addRoutes(app, { catalog, operatorToken })
    const { url } = await listen(app, { host: config.host, port: config.port, portFlag: '--port' })
    logger.info({ dataDir, songs: await catalog.countSongs() }, 'the catalog is open')
    return { service: 'metadata', url, close: async () => await app.close() }
  } catch (thrown) {
    await database.close()
    throw thrown
  }
}

function songRegistry(catalog: Catalog): Registry {
  const registry = new Registry()
  new Gauge({
    name: 'evastream_metadata_songs',
    help: 'Songs in the catalog',
    registers: [registry],
    async collect() {
      this.set(await catalog.countSongs())
    },
  })
  return registry
}
