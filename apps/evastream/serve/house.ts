// The whole house of `evastream serve`: metadata, tracker, origin and a gateway peer with the page, in one process, around one folder.
// Not the services (each app's main.ts) and not what is printed: it starts them in order, joins them, and stops them.
// Invariant: whatever was started before a failure is stopped again; outside loopback every operator's act takes the token.

import { access, constants, realpath, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { MetadataClient } from '@evastream/clients/metadata-client'
import { EvaError } from '@evastream/core/errors'
import { MINUTE_MS } from '@evastream/core/units'
import { metadataOptions } from '@evastream/metadata-service/config'
import { startMetadataService } from '@evastream/metadata-service/main'
import { watchFolder } from '@evastream/music-library/folder-watch'
import { LibraryKeeper } from '@evastream/music-library/library-keeper'
import { ScanRecord } from '@evastream/music-library/scan-record'
import type { LibraryListener } from '@evastream/music-library/song-desk'
import { originServerOptions } from '@evastream/origin-server/config'
import { startOriginServer } from '@evastream/origin-server/main'
import { peerNodeOptions } from '@evastream/peer-node/config'
import { startPeerNode } from '@evastream/peer-node/main'
import { type ConfigValues, loadConfig, type OptionTable } from '@evastream/service-kit/config'
import { ensureWritableDirectory, errnoOf } from '@evastream/service-kit/data-directories'
import type { Logger } from '@evastream/service-kit/logger'
import { findOperatorToken, hasToken } from '@evastream/service-kit/operator-token'
import type { RunningService } from '@evastream/service-kit/run-service'
import { systemClock, systemTimers, systemWallClock } from '@evastream/service-kit/system-clock'
import { trackerOptions } from '@evastream/tracker-service/config'
import { startTrackerService } from '@evastream/tracker-service/main'
import { OperatorDesk } from './operator-desk.ts'
import { addOperatorRoutes } from './operator-routes.ts'
import { UploadFiles } from './upload-files.ts'

export interface HouseWish {
  readonly folder: string
  readonly dataDir: string
  /** The address that everything listens on, and that peers are told. */
  readonly host: string
  /** Of the page; the services take the three after it. 0: any. */
  readonly port: number
  readonly pricePerGb: number | undefined
  readonly cacheSize: string
  readonly settleMs: number
  readonly graceMs: number
  readonly intervalMs: number
}

export interface HouseListener extends LibraryListener {
  /** Not every change of the folder is noticed when it happens: the interval's looks find those. */
  unwatched(reason: string): void
}

export interface HouseDeps {
  readonly logger: Logger
  readonly listener: HouseListener
  readonly env: NodeJS.ProcessEnv
}

export interface House extends RunningService {
  readonly services: { readonly metadata: string; readonly tracker: string; readonly origin: string }
  readonly operatorToken: string
  /** Looks through the folder from now on. */
  keepFolder(): Promise<void>
}

type Stop = () => Promise<void>

const GATEWAY_ID = 'gateway'
const METADATA_TIMEOUT_MS = MINUTE_MS
const LOOPBACK_HOST = '127.0.0.1'

export const isLoopback = (host: string): boolean => host === LOOPBACK_HOST || host === 'localhost' || host === '::1'

/** @throws EvaError `EVA_FOLDER_MISSING`, `EVA_FOLDER_UNREADABLE`, `EVA_DIRECTORY_UNWRITABLE`, `EVA_DIRECTORY_LOCKED`, `EVA_PORT_TAKEN` */
export async function openHouse(deps: HouseDeps, wish: HouseWish): Promise<House> {
  await checkFolder(wish)
  const stops: Stop[] = []
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  try {
    return await build(deps, wish, { stops, close })
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function build(deps: HouseDeps, wish: HouseWish, { stops, close }: { stops: Stop[]; close: Stop }): Promise<House> {
  const dataDir = await ensureWritableDirectory(wish.dataDir, '--data')
  const services = await startServices(deps.logger, wish, { dataDir, stops })
  const operatorToken = await findOperatorToken({ dataDir: join(dataDir, 'metadata'), env: deps.env })
  const metadata = new MetadataClient({ baseUrl: services.metadata, token: operatorToken, timeoutMs: METADATA_TIMEOUT_MS })
  stops.push(() => metadata.close())
  const desk = new OperatorDesk(
    { metadata, owner: { hostname: hostname(), pid: process.pid }, wallClock: systemWallClock, logger: deps.logger },
    { storageDir: storageDirOf(dataDir) },
  )
  const record = await ScanRecord.open(join(dataDir, 'scan-record.sqlite'))
  stops.push(async () => record.close())
  const folder = { folder: resolve(wish.folder), ignored: [dataDir, await dataWithin(wish.folder, dataDir)] }
  const time = { clock: systemClock, wallClock: systemWallClock, timers: systemTimers }
  const keeper = new LibraryKeeper({ ...time, desk, record, listener: deps.listener }, { ...wish, ...folder })
  stops.push(() => keeper.close())
  const uploads = await UploadFiles.open(join(dataDir, 'uploads'))
  const token = isLoopback(wish.host) ? undefined : operatorToken
  const gateway = await startPeerNode(gatewayValues(wish, dataDir, services), childLogger(deps.logger, 'peer'), {
    listen: { host: wish.host, allowedHosts: [hostnameOf(wish.host)], portFlag: '--port' },
    about: { servedBy: 'gateway', operator: { needsToken: token !== undefined }, pricePerGb: wish.pricePerGb ?? null },
    swarm: {
      historyPath: join(dataDir, 'swarm.sqlite'),
      isOperator: request => token === undefined || hasToken(request, token),
    },
    addRoutes: app => addOperatorRoutes(app, { desk, keeper, uploads, timers: systemTimers }, { token }),
  })
  stops.push(() => gateway.close())
  const keepFolder = async () => {
    stops.push(watchFolder({ ...folder, changed: () => keeper.hint(), failed: reason => deps.listener.unwatched(reason) }))
    await keeper.start()
  }
  return { service: 'serve', url: gateway.url, services, operatorToken, keepFolder, close }
}

async function startServices(logger: Logger, wish: HouseWish, { dataDir, stops }: { dataDir: string; stops: Stop[] }) {
  const address = (place: number) => [`--host=${wish.host}`, `--port=${wish.port === 0 ? 0 : wish.port + place}`]
  const started = async (starting: Promise<RunningService>): Promise<string> => {
    const service = await starting
    stops.push(() => service.close())
    return service.url
  }
  const metadata = await started(
    startMetadataService(
      valuesOf(metadataOptions, [...address(1), `--data=${join(dataDir, 'metadata')}`]),
      childLogger(logger, 'metadata'),
    ),
  )
  const tracker = await started(
    startTrackerService(valuesOf(trackerOptions, [...address(2), `--metadata=${metadata}`]), childLogger(logger, 'tracker')),
  )
  const origin = await started(
    startOriginServer(valuesOf(originServerOptions, [...address(3), `--storage=${storageDirOf(dataDir)}`]), childLogger(logger, 'origin')),
  )
  return { metadata, tracker, origin }
}

function gatewayValues({ host, port, cacheSize }: HouseWish, dataDir: string, services: House['services']) {
  return valuesOf(peerNodeOptions, [
    `--peer.id=${GATEWAY_ID}`,
    `--host=${host}`,
    `--http.port=${port}`,
    `--data=${join(dataDir, 'peers')}`,
    `--cache-size=${cacheSize}`,
    `--metadata=${services.metadata}`,
    `--tracker=${services.tracker}`,
    `--origin=${services.origin}`,
  ])
}

/** What a service would be given on its own command line, and nothing from the environment, which is this command's. */
function valuesOf<const T extends OptionTable>(table: T, argv: readonly string[]): ConfigValues<T> {
  return loadConfig(table, { argv, env: {} }).values
}

function childLogger(logger: Logger, service: string): Logger {
  return logger.child({ part: service })
}

function storageDirOf(dataDir: string): string {
  return join(dataDir, 'origin-storage')
}

/** As browsers write it. */
function hostnameOf(host: string): string {
  return new URL(`http://${host.includes(':') ? `[${host}]` : host}`).hostname
}

/** Where our own data lies as seen from the folder, whichever links lead there. */
async function dataWithin(folder: string, dataDir: string): Promise<string> {
  return resolve(folder, relative(await realpath(folder), await realpath(dataDir)))
}

async function checkFolder({ folder, dataDir }: HouseWish): Promise<void> {
  const path = resolve(folder)
  const facts = await stat(path).catch(cause => {
    throw folderError(path, cause)
  })
  if (!facts.isDirectory()) throw new EvaError('EVA_FOLDER_MISSING', { details: { path } })
  const reason = 'it is the folder of music itself; it may be a directory of its own in there'
  if (resolve(dataDir) === path) throw new EvaError('EVA_CONFIG_INVALID', { details: { key: '--data', reason } })
  await access(path, constants.R_OK | constants.X_OK).catch(cause => {
    throw folderError(path, cause)
  })
}

function folderError(path: string, cause: unknown): EvaError {
  const reason = errnoOf(cause)
  const isMissing = reason === 'ENOENT' || reason === 'ENOTDIR'
  return new EvaError(isMissing ? 'EVA_FOLDER_MISSING' : 'EVA_FOLDER_UNREADABLE', { details: { path, reason }, cause })
}
