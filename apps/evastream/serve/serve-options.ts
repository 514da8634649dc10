// The settings of `evastream serve`: their names, defaults and what they trade.
// Not those of each service: here one port stands for four, and one directory for everything that is kept.
// Invariant: each default is written here and nowhere else.

import { SECOND_MS } from '@evastream/core/units'
import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { wholeNumber } from '@evastream/service-kit/option-checks'

/** Metadata, tracker and origin. */
const PORTS_AFTER_THE_PAGES = 3
/** Nobody is told an address that means all of them. */
const ANY_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '0', '::', '[::]', '*', ''])

export const serveOptions = {
  ...commonOptions,
  host: {
    ...commonOptions.host,
    describe: 'The address to listen on, and under which others find it',
    check: value =>
      ANY_ADDRESSES.has(String(value).trim()) ? 'it is the one address at which others reach this machine; --lan finds it' : undefined,
  },
  'log.level': { ...commonOptions['log.level'], default: 'warn' },
  port: {
    type: 'number',
    default: 8080,
    describe: 'The port of the page; metadata, tracker and origin take the three after it; 0 takes any free ones',
    check: wholeNumber(0, 65_535 - PORTS_AFTER_THE_PAGES),
  },
  data: { type: 'string', default: 'evastream-data', describe: 'Where songs, chunks and the operator token are kept' },
  lan: {
    type: 'boolean',
    default: false,
    describe: "Serve the local network, on this machine's address there; what an operator may do then takes the token",
  },
  'price-per-gb': {
    type: 'string',
    describe: 'What a gigabyte sent by the server costs you: the page then shows what listeners save',
    check: value =>
      Number.isFinite(Number(value)) && Number(value) >= 0 && String(value).trim() !== '' ? undefined : 'it is a price like 0.09',
  },
  'cache-size': { type: 'string', default: '2G', describe: 'What the gateway peer may keep of songs, with K, M or G' },
  'scan.settleMs': {
    type: 'number',
    default: 2 * SECOND_MS,
    describe: 'How long a file must stay as it is before it is read',
    check: wholeNumber(10),
  },
  'scan.graceMs': {
    type: 'number',
    default: 60 * SECOND_MS,
    describe: 'How long a file must be gone before its song is: longer forgives more, shorter tidies sooner',
    check: wholeNumber(0),
  },
  'scan.intervalMs': {
    type: 'number',
    default: 300 * SECOND_MS,
    describe: 'How often the folder is looked through even when no change was noticed, as on network volumes',
    check: wholeNumber(100),
  },
} as const satisfies OptionTable

export type ServeValues = ConfigValues<typeof serveOptions>
