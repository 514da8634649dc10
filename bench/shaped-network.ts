// Hosts of our own on shaped links: network namespaces joined by a bridge, each link held to a rate by a token bucket (Linux, root).
// Not the machine's own network: the bridge lives in a namespace too, and nothing outside these is touched.
// Invariant: `close` removes every namespace that `open` made, and with them their links.

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { toEvaError } from '@evastream/core/errors'
import { atExit } from '../apps/evastream/exit-acts.ts'
import type { BenchHost } from './bench-host.ts'

const run = promisify(execFile)

export interface HostPlan {
  readonly name: string
  readonly upMbit: number
  readonly downMbit: number
}

/** Enough for a link to send at its rate between two looks of the kernel's clock, little against what a run sends. */
const BURST = '64kb'
const QUEUE_MS = 200

export class ShapedNetwork {
  readonly hosts: readonly BenchHost[]
  readonly #namespaces: readonly string[]
  readonly #forget: () => void

  private constructor(hosts: readonly BenchHost[], namespaces: readonly string[]) {
    this.hosts = hosts
    this.#namespaces = namespaces
    this.#forget = atExit(() => {
      for (const namespace of namespaces) spawnSync('ip', ['netns', 'delete', namespace])
    })
  }

  /** Why there can be none here; undefined when there can. */
  static async obstacle(): Promise<string | undefined> {
    if (process.platform !== 'linux') return 'network namespaces are a matter of Linux'
    if (process.getuid?.() !== 0) return 'only root may make network namespaces'
    const probe = `evb-${process.pid}-probe`
    try {
      await run('ip', ['netns', 'add', probe])
      await run('ip', [
        'netns',
        'exec',
        probe,
        'tc',
        'qdisc',
        'add',
        'dev',
        'lo',
        'root',
        'tbf',
        'rate',
        '10mbit',
        'burst',
        BURST,
        'latency',
        '50ms',
      ])
      return undefined
    } catch (thrown) {
      return `network namespaces or traffic shaping do not work here (${firstLine(thrown)})`
    } finally {
      await run('ip', ['netns', 'delete', probe]).catch(toEvaError)
    }
  }

  static async open(plans: readonly HostPlan[]): Promise<ShapedNetwork> {
    const prefix = `evb-${process.pid}`
    const bridge = `${prefix}-bridge`
    const network = new ShapedNetwork(
      plans.map(({ name }, index) => {
        const namespace = `${prefix}-${name}`
        return { name, address: `10.99.0.${index + 10}`, through: ['ip', 'netns', 'exec', namespace] }
      }),
      [bridge, ...plans.map(({ name }) => `${prefix}-${name}`)],
    )
    try {
      await run('ip', ['netns', 'add', bridge])
      await run('ip', ['-n', bridge, 'link', 'add', 'br0', 'type', 'bridge'])
      await run('ip', ['-n', bridge, 'link', 'set', 'br0', 'up'])
      for (const [index, plan] of plans.entries())
        await joinHost({
          bridge,
          namespace: `${prefix}-${plan.name}`,
          port: `p${index}`,
          plan,
          address: network.hosts[index]?.address ?? '',
        })
      return network
    } catch (thrown) {
      await network.close()
      throw toEvaError(thrown)
    }
  }

  async close(): Promise<void> {
    for (const namespace of this.#namespaces) await run('ip', ['netns', 'delete', namespace]).catch(toEvaError)
    this.#forget()
  }
}

interface Joining {
  readonly bridge: string
  readonly namespace: string
  readonly port: string
  readonly plan: HostPlan
  readonly address: string
}

async function joinHost({ bridge, namespace, port, plan, address }: Joining): Promise<void> {
  const shape = (space: string, device: string, mbit: number) =>
    run('ip', [
      'netns',
      'exec',
      space,
      'tc',
      'qdisc',
      'add',
      'dev',
      device,
      'root',
      'tbf',
      'rate',
      `${mbit}mbit`,
      'burst',
      BURST,
      'latency',
      `${QUEUE_MS}ms`,
    ])
  await run('ip', ['netns', 'add', namespace])
  await run('ip', ['-n', bridge, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'e0', 'netns', namespace])
  await run('ip', ['-n', bridge, 'link', 'set', port, 'master', 'br0', 'up'])
  await run('ip', ['-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'e0'])
  for (const device of ['e0', 'lo']) await run('ip', ['-n', namespace, 'link', 'set', device, 'up'])
  await shape(namespace, 'e0', plan.upMbit)
  await shape(bridge, port, plan.downMbit)
}

function firstLine(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).trim().split('\n').at(-1) ?? ''
}
