// The origin server's settings: their names, defaults and what they trade.
// Not their reading (service-kit): flags, environment and files become values there.
// Invariant: each default is written here and nowhere else.

import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { DEFAULT_STORAGE_DIR } from '@evastream/service-kit/data-directories'
import { checkPort, wholeNumber } from '@evastream/service-kit/option-checks'

export const originServerOptions = {
  ...commonOptions,
  port: { type: 'number', default: 8083, describe: 'The port to listen on; 0 takes a free one', check: checkPort },
  storage: { type: 'string', default: DEFAULT_STORAGE_DIR, describe: 'Where the chunks are; made when missing' },
  maxConcurrent: {
    type: 'number',
    default: 256,
    describe: 'Answers under way at once, each with a buffer of 256 KiB; who comes over it waits and asks again',
    check: wholeNumber(1, 65_536),
  },
  maxBytesPerSecond: {
    type: 'number',
    default: 0,
    describe: 'Bytes of chunks sent in a second, 0 for as many as the line takes; who comes over it waits and asks again',
    check: wholeNumber(0),
  },
} as const satisfies OptionTable

export type OriginServerConfig = ConfigValues<typeof originServerOptions>
