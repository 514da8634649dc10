// `npm run bench:tracker`: the tracker's figures beside their bars; a row's name after `--` measures only what contains it.
// Not the measuring (tracker-rows.ts), and not a test: a machine that is busy with something else shows in the latencies.
// Invariant: exit code 1 when a bar is missed; only a whole run keeps bench/results/tracker.json.

import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BenchRow, barWords, benchTable, isMet } from '../bench-row.ts'
import { endOnSignals } from '../scratch-place.ts'
import { callRows, deadPeerRow, memoryRow, sweepRow } from './tracker-rows.ts'

endOnSignals()
const only = process.argv[2] ?? ''
const rows: BenchRow[] = []

if ('calls'.includes(only)) rows.push(...(await callRows()))
if ('memory'.includes(only)) rows.push(await memoryRow())
if ('sweep'.includes(only)) rows.push(await sweepRow())
if ('dead'.includes(only)) rows.push(await deadPeerRow())

process.stdout.write(`${benchTable(rows)}\n`)
if (only === '') await keep()
process.exitCode = rows.every(isMet) ? 0 : 1

async function keep(): Promise<void> {
  const directory = fileURLToPath(new URL('../results', import.meta.url))
  await mkdir(directory, { recursive: true })
  const results = rows.map(row => ({ ...row, heldTo: barWords(row), isMet: isMet(row) }))
  await writeFile(`${directory}/tracker.json`, `${JSON.stringify({ madeBy: 'npm run bench:tracker', rows: results }, undefined, 2)}\n`)
}
