// The peer node's settings: their names, defaults and what they trade.
// Not their reading (service-kit), and not the engine's many numbers: people turn only these few.
// Invariant: what `peerNodeConfig` returns is frozen, and its ids are valid.

import { isId, type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { defaultEngineConfig } from '@evastream/engine/config'
import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { DEFAULT_PEERS_DIR } from '@evastream/service-kit/data-directories'
import { checkPort, checkServiceUrl, wholeNumber } from '@evastream/service-kit/option-checks'
import { byteAmountOf } from './byte-amount.ts'
import { DEFAULT_CONNECTIONS_MAX } from './network/connection-limits.ts'
import { SHARING_MODES, type SharingMode } from './sharing/sharing-mode.ts'
import { type ByteQuota, byteQuotaOf } from './upload/quota-period.ts'
import { DEFAULT_UPLOADS_MAX } from './upload-server.ts'

/** Where the search for a free port of the player begins. */
export const DEFAULT_HTTP_PORT = 8090

const ID_RULE = 'it is 1 to 128 letters, digits, dots, underscores and hyphens, beginning with a letter or digit'

export const peerNodeOptions = {
  ...commonOptions,
  host: { ...commonOptions.host, describe: 'The address on which other peers reach this one' },
  'peer.id': {
    type: 'string',
    describe: 'The name of this peer; without one, a name made at the first start and kept in --data',
    check: value => (isId(value) ? undefined : ID_RULE),
  },
  'peer.port': { type: 'number', default: 0, describe: 'The port for other peers; 0 takes a free one', check: checkPort },
  'http.port': {
    type: 'number',
    describe: `The port of the player on this machine; without one, the first free from ${DEFAULT_HTTP_PORT} on; 0 takes any`,
    check: checkPort,
  },
  'http.origins': {
    type: 'list',
    describe: 'Web pages that may play songs of this peer, by their origin, like https://radio.example',
    check: checkOrigins,
  },
  data: { type: 'string', default: DEFAULT_PEERS_DIR, describe: 'Where peers keep their chunks, each in a directory named by its id' },
  metadata: { type: 'string', default: 'http://127.0.0.1:8081', describe: 'The metadata service', check: checkServiceUrl },
  tracker: { type: 'string', default: 'http://127.0.0.1:8082', describe: 'The tracker', check: checkServiceUrl },
  origin: { type: 'string', default: 'http://127.0.0.1:8083', describe: 'The origin server', check: checkServiceUrl },
  'song.id': { type: 'list', describe: 'Songs to fetch and keep whole from the start on', check: checkSongIds },
  'peer.maxUploads': {
    type: 'number',
    default: DEFAULT_UPLOADS_MAX,
    describe: 'Requests of other peers served at once: more share one uplink, fewer leave it idle',
    check: wholeNumber(1, 1000),
  },
  'peer.maxDownloads': {
    type: 'number',
    default: defaultEngineConfig.downloadsInFlightMax,
    describe: 'Requests to peers and the origin at once: more fill more links, each costs a share of this one',
    check: wholeNumber(1, 1000),
  },
  'max-peers': {
    type: 'number',
    default: DEFAULT_CONNECTIONS_MAX,
    describe: 'Connections to other peers at once, in both directions together: more to choose from and to serve, more to keep up',
    check: wholeNumber(1, 10_000),
  },
  'upload-limit': {
    type: 'string',
    default: '0',
    describe: 'What other peers may take together, in bytes per second with K, M or G; 0 is no limit',
    check: checkByteRate,
  },
  'download-limit': {
    type: 'string',
    default: '0',
    describe: 'What peers and the origin may send together, in bytes per second with K, M or G; 0 is no limit',
    check: checkByteRate,
  },
  'upload-cap': {
    type: 'string',
    default: '0',
    describe: 'What other peers may take in all in an hour, day, week or month (of the calendar, in UTC), like 5G/day; 0 is no cap',
    check: value =>
      value === '0' || byteQuotaOf(String(value)) !== undefined
        ? undefined
        : 'it is an amount per hour, day, week or month like 5G/day, or 0',
  },
  'cache-size': {
    type: 'string',
    default: '10G',
    describe: 'What songs may take on the disk, with K, M or G: the least recently used make room, pinned ones stay; 0 is no limit',
    check: value => (byteAmountOf(String(value)) === undefined ? 'it is a number of bytes like 500M, 10G or 0' : undefined),
  },
  sharing: {
    type: 'string',
    choices: SHARING_MODES,
    describe:
      'on: give what is held to other peers; receive-only: take and give nothing; off: speak to no peer and no tracker; without it, what was last chosen on the page, at first on',
  },
} as const satisfies OptionTable

export interface PeerNodeConfig {
  readonly host: string
  /** Undefined: the one that was made at the first start. */
  readonly peerId: PeerId | undefined
  readonly peerPort: number
  /** Undefined: the first free one from DEFAULT_HTTP_PORT on. */
  readonly httpPort: number | undefined
  /** Lower-case origins whose pages may play songs of this peer. */
  readonly allowedOrigins: readonly string[]
  readonly peersDirectory: string
  readonly metadataUrl: string
  readonly trackerUrl: string
  readonly originUrl: string
  readonly songIds: readonly SongId[]
  readonly uploadsMax: number
  readonly downloadsMax: number
  /** To other peers, in both directions together. */
  readonly connectionsMax: number
  /** 0: no limit. */
  readonly uploadLimitBytesPerSecond: number
  /** 0: no limit. */
  readonly downloadLimitBytesPerSecond: number
  /** Undefined: none. */
  readonly uploadCap: ByteQuota | undefined
  /** 0: no limit. */
  readonly cacheLimitBytes: number
  /** Undefined: what the listener chose last. */
  readonly sharing: SharingMode | undefined
}

export type PeerNodeValues = ConfigValues<typeof peerNodeOptions>

/** @throws EvaError `EVA_PEER_ID_INVALID` or `EVA_SONG_ID_INVALID` for values that did not come through the option table. */
export function peerNodeConfig(values: PeerNodeValues): PeerNodeConfig {
  const peerId = values['peer.id']
  return Object.freeze({
    host: values.host,
    peerId: peerId === undefined ? undefined : parsePeerId(peerId),
    peerPort: values['peer.port'],
    httpPort: values['http.port'],
    allowedOrigins: Object.freeze(values['http.origins'].map(origin => origin.toLowerCase())),
    peersDirectory: values.data,
    metadataUrl: values.metadata,
    trackerUrl: values.tracker,
    originUrl: values.origin,
    songIds: Object.freeze([...new Set(values['song.id'].map(parseSongId))]),
    uploadsMax: values['peer.maxUploads'],
    downloadsMax: values['peer.maxDownloads'],
    connectionsMax: values['max-peers'],
    uploadLimitBytesPerSecond: byteAmountOf(values['upload-limit']) ?? 0,
    downloadLimitBytesPerSecond: byteAmountOf(values['download-limit']) ?? 0,
    uploadCap: uploadCapOf(values['upload-cap']),
    cacheLimitBytes: byteAmountOf(values['cache-size']) ?? 0,
    sharing: values.sharing,
  })
}

function uploadCapOf(text: string): ByteQuota | undefined {
  const quota = byteQuotaOf(text)
  return quota === undefined || quota.limitBytes === 0 ? undefined : quota
}

function checkByteRate(value: string | number | boolean | readonly string[]): string | undefined {
  return byteAmountOf(String(value)) === undefined ? 'it is a number of bytes per second like 500K, 2M or 0' : undefined
}

function checkSongIds(value: string | number | boolean | readonly string[]): string | undefined {
  const strange = Array.isArray(value) ? value.find(text => !isId(text)) : undefined
  return strange === undefined ? undefined : `"${String(strange).slice(0, 64)}" is no song id: ${ID_RULE}`
}

function checkOrigins(value: string | number | boolean | readonly string[]): string | undefined {
  const strange = Array.isArray(value) ? value.find(text => !isOrigin(String(text))) : undefined
  return strange === undefined
    ? undefined
    : `"${String(strange).slice(0, 64)}" is no origin: scheme and host alone, like https://radio.example`
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text.toLowerCase()
}
