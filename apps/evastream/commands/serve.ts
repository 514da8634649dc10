// `evastream serve FOLDER`: a folder of music becomes a streaming house, in one process.
// Not the house itself: serve/house.ts.

import { createLogger } from '@evastream/service-kit/logger'
import { runService } from '@evastream/service-kit/run-service'
import { defineCommand } from '../command.ts'
import { serveOptions } from '../serve/serve-options.ts'

export const serveCommand = defineCommand({
  verb: 'serve',
  summary: 'point it at a folder of music: everything at once, with the page',
  example: 'evastream serve ~/Music',
  options: serveOptions,
  positionals: ['folder'],
  isService: true,
  run: async ({ values, positionals: { folder = '.' } }, host) => {
    const { json, 'log.level': level } = values
    const logger = createLogger({ name: 'serve', level, json })
    const { openForPeople } = await import('../serve/open-for-people.ts')
    await runService({ service: 'serve', json, logger, start: () => openForPeople({ values, folder }, { logger, host }) })
    return 0
  },
})
