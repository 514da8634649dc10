// `evastream metadata`: the service that keeps songs and the hashes of their chunks.
// Not the service itself: apps/metadata-service.

import { metadataOptions } from '@evastream/metadata-service/config'
import { defineServiceCommand } from '../command.ts'

export const metadataCommand = defineServiceCommand({
  verb: 'metadata',
  summary: 'run the metadata service: songs and the hashes of their chunks',
  example: 'evastream metadata --port 8081 --data DIR',
  options: metadataOptions,
  start: async (values, logger) => (await import('@evastream/metadata-service/main')).startMetadataService(values, logger),
})
