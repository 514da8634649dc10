// The two calls by which a demo's page changes its town.
// Not what they do (demo-switches.ts). The page's server is on loopback, and its guard keeps other pages out.
// Invariant: both answer with how the town stands then.

import { DemoState } from '@evastream/protocol/demo-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { DemoSwitches } from './demo-switches.ts'

const PATH = '/api/operator/demo'

export function addDemoRoutes(app: HttpApp, switches: DemoSwitches): void {
  const schema = (summary: string) => ({ schema: { tags: ['demo'], summary, response: { 200: DemoState } } })
  app.post(`${PATH}/unplug-origin`, schema('Stop the origin for 20 s'), async () => {
    await switches.unplugOrigin()
    return switches.state
  })
  app.post(`${PATH}/add-listeners`, schema('Start five more peers that fetch the song'), async () => {
    await switches.addListeners()
    return switches.state
  })
}
