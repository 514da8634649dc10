// `evastream tracker`: the service that knows which peers live and which chunks they hold.
// Not the service itself: apps/tracker-service.

import { trackerOptions } from '@evastream/tracker-service/config'
import { defineServiceCommand } from '../command.ts'

export const trackerCommand = defineServiceCommand({
  verb: 'tracker',
  summary: 'run the tracker: who is there and who holds which chunk',
  example: 'evastream tracker --port 8082 --metadata http://127.0.0.1:8081',
  options: trackerOptions,
  start: async (values, logger) => (await import('@evastream/tracker-service/main')).startTrackerService(values, logger),
})
