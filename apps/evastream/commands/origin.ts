// `evastream origin`: the server of last resort, chunk files from a directory.
// Not the server itself: apps/origin-server.

import { originServerOptions } from '@evastream/origin-server/config'
import { defineServiceCommand } from '../command.ts'

export const originCommand = defineServiceCommand({
  verb: 'origin',
  summary: 'run the origin server: chunk files from a directory',
  example: 'evastream origin --port 8083 --storage DIR',
  options: originServerOptions,
  start: async (values, logger) => (await import('@evastream/origin-server/main')).startOriginServer(values, logger),
})
