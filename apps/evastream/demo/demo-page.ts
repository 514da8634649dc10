// The page beside a demo: a gateway peer in this process, joined to the town, with the swarm's history and the two switches.
// Not the story: it only looks on. It takes from peers and gives nothing, so that it changes none of the demo's figures.
// Invariant: it serves this machine alone, and whoever sits here is the demo's operator.

import { join } from 'node:path'
import { peerNodeOptions } from '@evastream/peer-node/config'
import { startPeerNode } from '@evastream/peer-node/main'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import type { RunningService } from '@evastream/service-kit/run-service'
import { addDemoRoutes } from './demo-routes.ts'
import type { DemoSwitches } from './demo-switches.ts'
import type { Town } from './town.ts'

export interface DemoPageDeps {
  readonly town: Pick<Town, 'directory' | 'serviceUrls'>
  readonly switches: DemoSwitches
}

const STATE_INTERVAL_MS = 250

/** @throws EvaError as every peer that starts */
export async function openDemoPage({ town, switches }: DemoPageDeps): Promise<RunningService> {
  const { metadata, tracker, origin } = town.serviceUrls
  const directory = join(town.directory, 'page')
  const argv = [
    '--peer.id=page',
    '--peer.port=0',
    '--http.port=0',
    '--sharing=receive-only',
    `--data=${directory}`,
    `--metadata=${metadata}`,
    `--tracker=${tracker}`,
    `--origin=${origin}`,
  ]
  const { values } = loadConfig(peerNodeOptions, { argv, env: {} })
  // Its log would be drawn into the demo's picture.
  return startPeerNode(values, createLogger({ name: 'page', level: 'silent' }), {
    about: { servedBy: 'gateway', isDemo: true },
    swarm: { historyPath: join(town.directory, 'swarm.sqlite'), isOperator: () => true },
    addRoutes: (app, { topics }) => {
      addDemoRoutes(app, switches)
      topics.add({ name: 'demo', intervalMs: STATE_INTERVAL_MS, read: () => [switches.state] })
    },
  })
}
