// `npm run bench:tracker`: the tracker's figures beside their bars; a row's name after `--` measures only what contains it.
// Not the measuring, and not a test: a machine that is busy with something else shows in the latencies.
// Invariant: exit code 1 when a bar is missed; only a whole run keeps bench/results/tracker.json.

import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../median.ts'
import { type BenchRow, barWords, benchTable, format, isMet } from './bench-figures.ts'
import { compareCalls } from './call-measurement.ts'
import { BenchProcess } from './child-process.ts'
import { CrowdedTracker } from './crowded-tracker.ts'
import type { RegistryAnswer, RegistryQuestion } from './registry/main.ts'
import type { SweepFigures } from './registry-measurement.ts'

const only = process.argv[2] ?? ''
const ROUNDS = 3
const rows: BenchRow[] = []

if ('calls'.includes(only)) rows.push(...(await callRows()))
if ('memory'.includes(only)) rows.push(await memoryRow())
if ('sweep'.includes(only)) rows.push(await sweepRow())

process.stdout.write(`${benchTable(rows)}\n`)
if (only === '') await keep()
process.exitCode = rows.every(isMet) ? 0 : 1

async function callRows(): Promise<BenchRow[]> {
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

async function memoryRow(): Promise<BenchRow> {
  const figures: number[] = []
  for (let round = 0; round < ROUNDS; round++) figures.push((await inRegistry({ what: 'memory' })).bytesPerPeer ?? Number.NaN)
  const detail = 'heap and array buffers after collection; 100,000 peers, a 40-chunk song each, hosts and totals of their own'
  return { what: 'memory: of a tracked peer', figure: median(figures), unit: 'B', bar: { atMost: 256 }, detail }
}

async function sweepRow(): Promise<BenchRow> {
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

async function keep(): Promise<void> {
  const directory = fileURLToPath(new URL('../results', import.meta.url))
  await mkdir(directory, { recursive: true })
  const results = rows.map(row => ({ ...row, heldTo: barWords(row), isMet: isMet(row) }))
  await writeFile(`${directory}/tracker.json`, `${JSON.stringify({ madeBy: 'npm run bench:tracker', rows: results }, undefined, 2)}\n`)
}
