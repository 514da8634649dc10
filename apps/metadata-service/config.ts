// The metadata service's options.
// Not the loading: packages/service-kit/config.ts does that.
// Invariant: each default is written here and nowhere else.

import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { DEFAULT_METADATA_DIR } from '@evastream/service-kit/data-directories'
import { checkPort } from '@evastream/service-kit/option-checks'

export const metadataOptions = {
  ...commonOptions,
  port: { type: 'number', default: 8081, check: checkPort, describe: 'The port to listen on; 0 picks a free one' },
  data: { type: 'string', default: DEFAULT_METADATA_DIR, describe: 'Where songs and the operator token are kept' },
  token: { type: 'string', secret: true, describe: 'The operator token; better in a file or EVASTREAM_ADMIN_TOKEN' },
  'token-file': { type: 'string', describe: 'A file that holds the operator token' },
} as const satisfies OptionTable

export type MetadataConfig = ConfigValues<typeof metadataOptions>
