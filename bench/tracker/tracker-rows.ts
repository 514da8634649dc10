// The tracker's rows: its hottest calls beside a bare server, what a tracked peer takes of memory, how long a sweep holds everybody up,
// and how long a dead peer is named.
// Not the printing (main.ts).
// Invariant: each row is the median of its rounds.

import { type BenchRow, format } from '../bench-row.ts'
import { median } from '../median.ts'
import { compareCalls } from './call-measurement.ts'
import { BenchProcess } from './child-process.ts'
import { CrowdedTracker } from './crowded-tracker.ts'
import { measureDeadPeers } from './dead-peer-measurement.ts'
import type { RegistryAnswer, RegistryQuestion } from './registry/main.ts'
import type { SweepFigures } from './registry-measurement.ts'

const ROUNDS = 3

export async function callRows(): Promise<BenchRow[]> {
  const town = await CrowdedTracker.open({ peerCount: 10_000 })
  try {
    const calls = [
      { what: 'calls: heartbeat with token and metrics', requests: town.heartbeats() },
      { what: 'calls: /peers of 30 out of 10,000', requests: town.questionsForPeers() },
    ]
    const found: BenchRow[] = []
    for (const { what, requests } of calls) {
      const { tracker, bare, ratio, wallRatio } = await compareCalls(town, requests)
      const perCore = `${format(tracker.requestsPerCpuSecond)} of ${format(bare.requestsPerCpuSecond)} requests per CPU second`
      const perSecond = `${format(tracker.requestsPerSecond)} of ${format(bare.requestsPerSecond)} a second (${format(wallRatio)} x)`
      found.push({ what, figure: ratio, unit: 'x bare node:http', bar: { atLeast: 0.75 }, detail: `${perCore}; ${perSecond}` })
      const latency = `p50 ${format(tracker.p50Ms)} ms; bare p50 ${format(bare.p50Ms)}, p99 ${format(bare.p99Ms)} ms`
      found.push({ what: `${what}, p99`, figure: tracker.p99Ms, unit: 'ms', bar: { atMost: 5 }, detail: latency })
    }
    return found
  } finally {
    await town.close()
  }
}

export async function memoryRow(): Promise<BenchRow> {
  const figures: number[] = []
  for (let round = 0; round < ROUNDS; round++) figures.push((await inRegistry({ what: 'memory' })).bytesPerPeer ?? Number.NaN)
  const detail = 'heap and array buffers after collection; 100,000 peers, a 40-chunk song each, hosts and totals of their own'
  return { what: 'memory: of a tracked peer', figure: median(figures), unit: 'B', bar: { atMost: 256 }, detail }
}

export async function sweepRow(): Promise<BenchRow> {
  const figures: SweepFigures[] = []
  for (let round = 0; round < ROUNDS; round++)
    figures.push((await inRegistry({ what: 'sweep' })).sweep ?? { longestMs: Number.NaN, longestWallMs: 0, totalMs: 0 })
  const totalMs = median(figures.map(figure => figure.totalMs))
  const wallMs = median(figures.map(figure => figure.longestWallMs))
  const detail = `100,000 peers of 10 songs each expire at once; swept in ${format(totalMs)} ms; longest by the clock ${format(wallMs)} ms`
  return {
    what: 'sweep: longest slice at a million entries',
    figure: median(figures.map(each => each.longestMs)),
    unit: 'ms',
    bar: { atMost: 5 },
    detail,
  }
}

async function inRegistry(question: RegistryQuestion): Promise<RegistryAnswer> {
  const registry = new BenchProcess('./registry/main.ts', ['--expose-gc'])
  try {
    return await registry.ask<RegistryAnswer>(question)
  } finally {
    registry.close()
  }
}

/** Every peer that was killed in every round counts as one. */
export async function deadPeerRow(): Promise<BenchRow> {
  const namedMs: number[] = []
  for (let round = 0; round < ROUNDS; round++) namedMs.push(...(await measureDeadPeers()))
  const detail = `real peers, two of four holders killed while two download; longest ${format(Math.max(...namedMs) / 1000)} s`
  return { what: 'dead: how long a killed peer is handed out', figure: median(namedMs) / 1000, unit: 's', bar: { atMost: 5 }, detail }
}
