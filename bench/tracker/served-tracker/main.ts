// The tracker service in a process of its own, asked for its port and the CPU time it has used.
// Not a stub: what runs is what `evastream tracker` runs.
// Invariant: its settings are the defaults, but for the port, the metadata service and times that no benchmark reaches.

import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { trackerOptions } from '../../../apps/tracker-service/config.ts'
import { startTrackerService } from '../../../apps/tracker-service/main.ts'
import type { ServerFacts, TrackerQuestion } from '../call-measurement.ts'
import { answerParent } from '../child-process.ts'

const logger = createLogger({ name: 'tracker', level: 'error' })
let port: Promise<number> | undefined

async function start({ metadataUrl, flags = [] }: TrackerQuestion): Promise<number> {
  const argv = ['--port=0', `--metadata=${metadataUrl}`, '--peer.expiresAfterMs=3600000', ...flags]
  const { url } = await startTrackerService(loadConfig(trackerOptions, { argv, env: {}, verb: 'tracker' }).values, logger)
  return Number(new URL(url).port)
}

answerParent<TrackerQuestion, ServerFacts>(async question => {
  port ??= start(question)
  const { user, system } = process.cpuUsage()
  return { port: await port, cpuMs: (user + system) / 1000 }
})
