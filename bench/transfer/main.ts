// `npm run bench:transfer`: what a byte costs. Peers download one song at once over loopback, real processes, and the kernel counts.
// `-- --large`, `-- --small`: one of the two crowds only. `-- --runs=1`. `-- --profile=DIRECTORY`: a CPU profile of one peer.
// Not a comparison with other systems, and not a test: on a machine that is busy the figures grow a little.
// Invariant: the median of the runs is held to the bar, and every run is printed.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '@evastream/core/units'
import { BenchTown } from '../bench-town.ts'
import { median } from '../median.ts'
import { endOnSignals } from '../scratch-place.ts'
import { machineLoad } from './process-figures.ts'
import { measureTransfer, type TransferFigures } from './transfer-measurement.ts'

const LARGE = { peerCount: 4, songBytes: 256 * MIB, cpuSecondsPerGbMax: 2 }
/** Held to what aria2 took on a machine like this. */
const SMALL = { peerCount: 8, songBytes: 8 * MIB, cpuSecondsPerGbMax: 4.9 }
const PEAK_MAX_BYTES = 95 * MIB

endOnSignals()
const { values } = parseArgs({
  options: {
    large: { type: 'boolean' },
    small: { type: 'boolean' },
    runs: { type: 'string', default: '3' },
    profile: { type: 'string' },
  },
})

const directory = await mkdtemp(join(tmpdir(), 'evastream-transfer-'))
try {
  tell(['what', 'CPU-s/GB', 'seconds', 'copies', 'waste', 'peak MiB', 'services', 'load'])
  if (values.small !== true) await measure('256 MiB, N = 4', LARGE)
  if (values.large !== true) await measure('8 MiB, N = 8', SMALL)
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function measure(what: string, crowd: typeof LARGE): Promise<void> {
  const runs: TransferFigures[] = []
  for (let run = 0; run < Number(values.runs); run++) {
    const place = await mkdtemp(join(directory, 'town-'))
    const town = await BenchTown.open(place)
    try {
      const figures = await measureTransfer(town, { ...crowd, profileDirectory: values.profile })
      runs.push(figures)
      show(what, figures)
    } finally {
      await town.close()
      await rm(place, { recursive: true, force: true })
    }
  }
  judge(what, 'CPU-s/GB', { figure: median(runs.map(run => run.cpuSecondsPerGb)), max: crowd.cpuSecondsPerGbMax })
  judge(what, 'peak MiB', { figure: median(runs.map(run => run.peakPeerBytes)) / MIB, max: PEAK_MAX_BYTES / MIB })
}

function show(what: string, figures: TransferFigures): void {
  const { cpuSecondsPerGb, seconds, originCopies, wastedRatio, peakPeerBytes, cpuSeconds } = figures
  const services = ['metadata', 'origin', 'tracker'].map(name => (cpuSeconds[name] ?? 0).toFixed(2)).join('/')
  const cells = [cpuSecondsPerGb.toFixed(2), seconds.toFixed(2), originCopies.toFixed(2), `${(wastedRatio * 100).toFixed(1)} %`]
  tell([what, ...cells, (peakPeerBytes / MIB).toFixed(0), services, machineLoad().toFixed(1)])
}

function judge(what: string, unit: string, { figure, max }: { readonly figure: number; readonly max: number }): void {
  const isMet = figure <= max
  process.stdout.write(`${what}: median ${figure.toFixed(2)} ${unit}, held to ${max}: ${isMet ? 'met' : 'MISSED'}\n`)
  if (!isMet) process.exitCode = 1
}

function tell(cells: readonly string[]): void {
  process.stdout.write(`${cells.map(cell => cell.padEnd(16)).join(' ')}\n`)
}
