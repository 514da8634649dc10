// The tracker's two hottest calls against a node:http server that answers the same bodies, turn by turn in one run.
// Not the processes: they are folders of their own, and the load is a third one.
// Invariant: both servers get the same requests from the same load; each ratio compares two turns that followed one another.

import { median } from '../median.ts'
import { BenchProcess } from './child-process.ts'

export interface ServerFacts {
  readonly port: number
  readonly cpuMs: number
}

export interface BareQuestion {
  readonly bodies?: readonly string[]
}

export interface LoadOrder {
  readonly port: number
  readonly requests: readonly string[]
  readonly connections: number
  /** Undefined: each request once. */
  readonly forMs?: number
  readonly keepBodies?: number
}

export interface LoadFigures {
  readonly count: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bodies: readonly string[]
}

interface CallFigures {
  readonly requestsPerSecond: number
  /** What a core does when it has nothing else to do: requests by the server's own CPU time. */
  readonly requestsPerCpuSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface CallComparison {
  readonly tracker: CallFigures
  readonly bare: CallFigures
  /** Of requests per CPU second, and by the clock on the wall. */
  readonly ratio: number
  readonly wallRatio: number
}

const CONNECTIONS = 16
/** Many short turns: what else runs on the machine comes and goes more slowly, so that neighbours can be compared. */
const TURN_MS = 400
const WARM_UP_MS = 3_000
const ROUNDS = 15
const BODIES_KEPT = 200

export interface LoadedTracker {
  readonly load: BenchProcess
  facts(): Promise<ServerFacts>
}

/** Rounds of two turns; medians. */
export async function compareCalls(town: LoadedTracker, requests: readonly string[]): Promise<CallComparison> {
  const { load } = town
  const bare = new BenchProcess('./bare-server/main.ts')
  try {
    const facts = { tracker: () => town.facts(), bare: () => bare.ask<ServerFacts>({}) }
    const trackerPort = (await facts.tracker()).port
    const sample = await load.ask<LoadFigures>({
      port: trackerPort,
      requests: requests.slice(0, BODIES_KEPT),
      connections: 1,
      keepBodies: BODIES_KEPT,
    })
    await bare.ask<ServerFacts>({ bodies: sample.bodies })
    const turn = async (name: 'tracker' | 'bare', forMs: number): Promise<CallFigures> => {
      const before = await facts[name]()
      const figures = await load.ask<LoadFigures>({ port: before.port, requests, connections: CONNECTIONS, forMs })
      const cpuSeconds = ((await facts[name]()).cpuMs - before.cpuMs) / 1000
      const { count, seconds, p50Ms, p99Ms } = figures
      return { requestsPerSecond: count / seconds, requestsPerCpuSecond: count / cpuSeconds, p50Ms, p99Ms }
    }
    for (const name of ['bare', 'tracker'] as const) await turn(name, WARM_UP_MS)
    const rounds: { bare: CallFigures; tracker: CallFigures }[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push({ bare: await turn('bare', TURN_MS), tracker: await turn('tracker', TURN_MS) })
    return {
      tracker: medians(rounds.map(round => round.tracker)),
      bare: medians(rounds.map(round => round.bare)),
      ratio: median(rounds.map(round => round.tracker.requestsPerCpuSecond / round.bare.requestsPerCpuSecond)),
      wallRatio: median(rounds.map(round => round.tracker.requestsPerSecond / round.bare.requestsPerSecond)),
    }
  } finally {
    bare.close()
  }
}

function medians(turns: readonly CallFigures[]): CallFigures {
  const of = (name: keyof CallFigures) => median(turns.map(turn => turn[name]))
  return {
    requestsPerSecond: of('requestsPerSecond'),
    requestsPerCpuSecond: of('requestsPerCpuSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
  }
}
