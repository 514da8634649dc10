// A crowd served by another system: nginx as the origin, a tracker where the system wants one, and a process of it on each host.
// Not the systems' own words (other-systems.ts).
// Invariant: counted as ours: processor time of all processes from the word to the last byte, copies from the origin's own log; a file that
// did not arrive as it was sent fails the run, and every process is gone afterwards.

import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { assert } from '@evastream/core/assert'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { type BenchHost, LOOPBACK } from '../bench-host.ts'
import { type CrowdFigures, type CrowdPlan, hostPlansOf } from '../crowd/crowd-plan.ts'
import { GatedProcess } from '../crowd/gated-process.ts'
import { median } from '../median.ts'
import { inScratchPlace } from '../scratch-place.ts'
import { ShapedNetwork } from '../shaped-network.ts'
import { cpuSecondsOf, peakMemoryBytesOf } from '../transfer/process-figures.ts'
import { nginxSentBytes, ORIGIN_PORT, startNginx } from './nginx-origin.ts'
import { torrentFile } from './torrent-file.ts'

interface LeechPlace {
  readonly directory: string
  readonly address: string
  /** For other peers. */
  readonly port: number
  readonly torrentPath: string
  readonly originUrl: string
}

export interface OutsideSystem {
  /** It says READY, waits for a line, and says DONE 0 with the whole file as `song.bin` in its directory; FIRST if it knows. */
  readonly command: (place: LeechPlace) => readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly hasTracker: boolean
}

const FILE_NAME = 'song.bin'
const TRACKER_PORT = 8192
const FIRST_LEECH_PORT = 8200
const READY_TIMEOUT_MS = 20_000
const RUN_TIMEOUT_MS = 180_000
const SETTLE_MS = 1000
const TRACKER_PATH = fileURLToPath(new URL('./announce-tracker/main.ts', import.meta.url))

export async function runOutside(system: OutsideSystem, plan: CrowdPlan): Promise<CrowdFigures> {
  return inScratchPlace(async directory => {
    const network = plan.links === undefined ? undefined : await ShapedNetwork.open(hostPlansOf(plan.links))
    const hosts = network?.hosts ?? Array.from({ length: plan.peerCount + 1 }, () => LOOPBACK)
    const processes: GatedProcess[] = []
    try {
      const measured = await runOn(hosts, { system, plan, directory, processes })
      await Promise.all(processes.map(process => process.end()))
      return { ...measured, originCopies: (await nginxSentBytes(directory)) / plan.songBytes }
    } finally {
      await Promise.all(processes.map(process => process.end()))
      await network?.close()
    }
  })
}

interface OutsideRun {
  readonly system: OutsideSystem
  readonly plan: CrowdPlan
  readonly directory: string
  readonly processes: GatedProcess[]
}

async function runOn(hosts: readonly BenchHost[], run: OutsideRun): Promise<Omit<CrowdFigures, 'originCopies'>> {
  const { system, plan, directory, processes } = run
  const [origin, ...places] = hosts
  assert(origin !== undefined, 'the first host is the origin')
  const bytes = seededBytes(1, plan.songBytes)
  await mkdir(join(directory, 'www'))
  await writeFile(join(directory, 'www', FILE_NAME), bytes)
  const originUrl = `http://${origin.address}:${ORIGIN_PORT}/${FILE_NAME}`
  const torrentPath = join(directory, 'song.torrent')
  const announceUrl = `http://${origin.address}:${TRACKER_PORT}/announce`
  await writeFile(torrentPath, torrentFile({ fileName: FILE_NAME, bytes, announceUrl, originUrl }))
  processes.push(await startNginx(origin, directory))
  if (system.hasTracker) processes.push(startTracker(origin))
  const leeches = await Promise.all(
    places.map(async ({ address, through }, index) => {
      const place = join(directory, `leech-${index + 1}`)
      await mkdir(place)
      const command = system.command({ directory: place, address, port: FIRST_LEECH_PORT + index, torrentPath, originUrl })
      return new GatedProcess({ name: `leech ${index + 1}`, command, through, cwd: place, env: { ...process.env, ...system.env } })
    }),
  )
  processes.push(...leeches)
  for (const each of processes.slice(1)) await each.says('READY', READY_TIMEOUT_MS)
  await scheduler.wait(SETTLE_MS)
  const before = processes.map(cpuSecondsOf)
  const startedAtMs = performance.now()
  for (const leech of leeches) leech.go()
  const ends = await Promise.all(leeches.map(leech => leech.says('DONE', RUN_TIMEOUT_MS)))
  const spent = processes.map((each, index) => cpuSecondsOf(each) - (before[index] ?? 0)).reduce((sum, seconds) => sum + seconds, 0)
  const peakPeerBytes = Math.max(...leeches.map(peakMemoryBytesOf))
  await Promise.all(places.map((_, index) => arrived(join(directory, `leech-${index + 1}`, FILE_NAME), bytes)))
  const firsts = leeches.flatMap(leech => leech.hasSaid('FIRST')?.atMs ?? [])
  return {
    seconds: (Math.max(...ends.map(({ atMs }) => atMs)) - startedAtMs) / 1000,
    firstSeconds: firsts.length < leeches.length ? undefined : (median(firsts) - startedAtMs) / 1000,
    cpuSecondsPerGb: spent / ((plan.peerCount * plan.songBytes) / 1e9),
    peakPeerBytes,
  }
}

function startTracker({ address, through }: BenchHost): GatedProcess {
  const command = [process.execPath, ...process.execArgv, TRACKER_PATH, address, String(TRACKER_PORT)]
  return new GatedProcess({ name: 'the tracker', command, through })
}

/** Some write the last bytes a moment after they said they were done. */
async function arrived(path: string, bytes: Uint8Array): Promise<void> {
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
  const wanted = digest(bytes)
  await eventually(`${path} is what was sent`, async () => digest(await readFile(path)) === wanted, { intervalMs: 100 })
}
