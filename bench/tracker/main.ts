// `npm run bench:tracker`: the tracker's figures beside their bars; a row's name after `--` measures only what contains it.
// Not the measuring, and not a test: a machine that is busy with something else shows in the latencies.
// Invariant: exit code 1 when a bar is missed; only a whole run keeps bench/results/tracker.json.

import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BenchRow, barWords, benchTable, format, isMet } from './bench-figures.ts'
import { compareCalls } from './call-measurement.ts'
import { CrowdedTracker } from './crowded-tracker.ts'

const only = process.argv[2] ?? ''
const rows: BenchRow[] = []

if ('calls'.includes(only)) rows.push(...(await callRows()))

process.stdout.write(`${benchTable(rows)}\n`)
if (only === '') await keep()
process.exitCode = rows.every(isMet) ? 0 : 1

async function callRows(): Promise<BenchRow[]> {
  const town = await CrowdedTracker.open({ peerCount: 10_000, ...profiling() })
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

function profiling(): { readonly nodeFlags?: readonly string[] } {
  const directory = process.env.BENCH_PROFILE
  return directory === undefined ? {} : { nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${directory}`] }
}

async function keep(): Promise<void> {
  const directory = fileURLToPath(new URL('../results', import.meta.url))
  await mkdir(directory, { recursive: true })
  const results = rows.map(row => ({ ...row, heldTo: barWords(row), isMet: isMet(row) }))
  await writeFile(`${directory}/tracker.json`, `${JSON.stringify({ madeBy: 'npm run bench:tracker', rows: results }, undefined, 2)}\n`)
}
