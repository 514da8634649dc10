// The tracker's settings: their names, defaults and what they trade.
// Not their reading (service-kit) and not limits that nobody needs to turn.
// Invariant: what `trackerConfig` returns is frozen, and its times agree with one another.

import { type AddressRange, parseAddressRange } from '@evastream/core/address'
import { EvaError } from '@evastream/core/errors'
import { MIB, SECOND_MS } from '@evastream/core/units'
import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { checkPort, checkServiceUrl, wholeNumber } from '@evastream/service-kit/option-checks'

const HOUR_MS = 3600 * SECOND_MS

export const trackerOptions = {
  ...commonOptions,
  port: { type: 'number', default: 8082, describe: 'The port to listen on; 0 takes a free one', check: checkPort },
  metadata: {
    type: 'string',
    default: 'http://127.0.0.1:8081',
    describe: 'The metadata service: only its songs are tracked',
    check: checkServiceUrl,
  },
  'heartbeat.intervalMs': {
    type: 'number',
    default: 10 * SECOND_MS,
    describe: 'How often peers give a sign of life: shorter notices the dead sooner and costs more calls',
    check: wholeNumber(10, HOUR_MS),
  },
  'peer.expiresAfterMs': {
    type: 'number',
    default: 30 * SECOND_MS,
    describe: 'After how long a silent peer is gone; longer than the interval of heartbeats',
    check: wholeNumber(20, 24 * HOUR_MS),
  },
  'sweep.intervalMs': {
    type: 'number',
    default: 30 * SECOND_MS,
    describe: 'How often the memory of expired peers is freed; they are named to nobody meanwhile',
    check: wholeNumber(10, HOUR_MS),
  },
  'origin-copies': {
    type: 'number',
    default: 1,
    describe: 'Peers that may fetch a chunk from the origin before others take it from them: more finishes sooner and costs copies',
    check: wholeNumber(1, 16),
  },
  'trusted-ranges': {
    type: 'list',
    describe: 'Address ranges (CIDR) whose addresses peers may claim as their own host',
    check: checkRanges,
  },
  'limits.peers': { type: 'number', default: 100_000, describe: 'Living peers at once; a newcomer over it waits', check: wholeNumber(1) },
  'limits.songsPerPeer': { type: 'number', default: 10_000, describe: 'Songs that one peer may announce', check: wholeNumber(1) },
  'limits.holdingsBytes': {
    type: 'number',
    default: 512 * MIB,
    describe: 'Memory for who holds which chunk; new holders over it wait',
    check: wholeNumber(1),
  },
} as const satisfies OptionTable

export interface TrackerConfig {
  readonly host: string
  readonly port: number
  readonly metadataUrl: string
  readonly heartbeatIntervalMs: number
  readonly expiresAfterMs: number
  readonly sweepIntervalMs: number
  readonly originCopies: number
  readonly trustedRanges: readonly AddressRange[]
  readonly peersMax: number
  readonly songsPerPeerMax: number
  readonly holdingsMaxBytes: number
}

/** @throws EvaError `EVA_CONFIG_INVALID` when the times do not agree. */
export function trackerConfig(values: ConfigValues<typeof trackerOptions>): TrackerConfig {
  const heartbeatIntervalMs = values['heartbeat.intervalMs']
  const expiresAfterMs = values['peer.expiresAfterMs']
  if (expiresAfterMs <= heartbeatIntervalMs) {
    const reason = `peers that beat every ${heartbeatIntervalMs} ms would expire between two heartbeats`
    throw new EvaError('EVA_CONFIG_INVALID', { details: { key: 'peer.expiresAfterMs', reason } })
  }
  return Object.freeze({
    host: values.host,
    port: values.port,
    metadataUrl: values.metadata,
    heartbeatIntervalMs,
    expiresAfterMs,
    sweepIntervalMs: values['sweep.intervalMs'],
    originCopies: values['origin-copies'],
    trustedRanges: values['trusted-ranges'].flatMap(text => parseAddressRange(text) ?? []),
    peersMax: values['limits.peers'],
    songsPerPeerMax: values['limits.songsPerPeer'],
    holdingsMaxBytes: values['limits.holdingsBytes'],
  })
}

function checkRanges(value: string | number | boolean | readonly string[]): string | undefined {
  const strange = Array.isArray(value) ? value.find(text => parseAddressRange(text) === undefined) : undefined
  return strange === undefined ? undefined : `it is a list of ranges like 10.0.0.0/8, and "${String(strange).slice(0, 64)}" is none`
}
