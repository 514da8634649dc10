// `npm run bench:caps`: whether `--upload-limit` and `--download-limit` hold at the socket, over loopback, with real processes.
// Not a test: it takes minutes of real time, and a machine that is busy with something else shows in its figures.
// Invariant: bytes are counted where they leave the network: by the receivers' sockets, or by the kernel for the peer's own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchTown } from '../bench-town.ts'
import { endOnSignals } from '../scratch-place.ts'
import { measureDownload } from './download-measurement.ts'
import { type RateFigures, worstDeviation } from './rate-figures.ts'
import { measureUpload } from './upload-measurement.ts'

/** Bytes a second, and who receives them. */
const UPLOADS: readonly (readonly [limit: number, receivers: number])[] = [
  [50e3, 1],
  [50e3, 4],
  [500e3, 3],
  [2e6, 1],
  [20e6, 1],
  [20e6, 6],
]
const DOWNLOADS: readonly (readonly [limit: number, source: 'origin' | 'peer' | 'both'])[] = [
  [200e3, 'origin'],
  [2e6, 'origin'],
  [2e6, 'peer'],
  [2e6, 'both'],
  [20e6, 'origin'],
  [20e6, 'both'],
]

endOnSignals()
const only = process.argv[2]
const directory = await mkdtemp(join(tmpdir(), 'evastream-caps-'))
const town = await BenchTown.open(directory)
try {
  tell(['what', 'limit B/s', 'with', 'first 10 s', 'lowest 10 s', 'highest 10 s', 'first 1 s after a pause'])
  if (only !== 'download')
    for (const [limit, receivers] of UPLOADS)
      show('upload', limit, `${receivers} receivers`, await measureUpload(town, { limit, receivers }))
  if (only !== 'upload')
    for (const [limit, source] of DOWNLOADS) show('download', limit, source, await measureDownload(town, { limit, source }))
} finally {
  await town.close()
  await rm(directory, { recursive: true, force: true })
}

function show(what: string, limit: number, detail: string, figures: RateFigures): void {
  const { first, lowest, highest, afterPause } = figures
  const cells = [first, lowest, highest].map(rate => `${(rate / limit).toFixed(3)} x`)
  const burst = afterPause === undefined ? '–' : `${(afterPause / limit).toFixed(3)} x`
  tell([what, String(limit), detail, ...cells, burst])
  if (worstDeviation(figures, limit) > 0.05) process.exitCode = 1
}

function tell(cells: readonly string[]): void {
  process.stdout.write(`${cells.map(cell => cell.padEnd(14)).join(' ')}\n`)
}
