// Measures a scenario with real processes: three services and six peers on shaped links, each peer played by a player that takes all it can get.
// Not the simulator: its prediction for the same links stands beside these figures, so that the model is honest.
// Invariant: figures are the peers' own (/api/plays, /api/status), and every process and namespace is gone afterwards.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EvaError } from '@evastream/core/errors'
import type { PeerPlays, PeerStatus } from '@evastream/protocol/peer-http'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { ServiceProcess } from '../../apps/evastream/demo/service-process.ts'
import { PROGRAM_PATH } from '../../apps/evastream/repository-path.ts'
import type { MeasurementSource } from './measurement-source.ts'
import { type MeasuredPlay, measurementOf, type PlaybackRun } from './playback-measurement.ts'
import { type HostPlan, type ShapedHost, ShapedNetwork } from './shaped-network.ts'

const run = promisify(execFile)

const LISTENER_COUNT = 6
const SONG_BYTES = 8_000_000
const CHUNK_SIZE_BYTES = 262_144
const RUN_COUNT = 3
const PORTS = { metadata: 8081, tracker: 8082, origin: 8083, player: 8090 }
const PLAY_TIMEOUT_SECONDS = 120
const OVER_DEADLINE_MS = 30_000

export const realProcesses: MeasurementSource = {
  setting: 'processes',
  obstacle: () => ShapedNetwork.obstacle(),
  measure: async scenario => {
    if (scenario !== 'six-together') return undefined
    const runs: PlaybackRun[] = []
    for (let seed = 1; seed <= RUN_COUNT; seed++) runs.push(await measureSixTogether(seed))
    return measurementOf({ scenario, setting: 'processes' }, runs)
  },
}

async function measureSixTogether(seed: number): Promise<PlaybackRun> {
  const listeners = Array.from({ length: LISTENER_COUNT }, (_, index): HostPlan => ({ name: `l${index + 1}`, upMbit: 20, downMbit: 50 }))
  const directory = await mkdtemp(join(tmpdir(), 'evastream-bench-'))
  const network = await ShapedNetwork.open([{ name: 'services', upMbit: 50, downMbit: 50 }, ...listeners])
  const processes: ServiceProcess[] = []
  try {
    const [services, ...hosts] = network.hosts
    if (services === undefined) throw new EvaError('EVA_INTERNAL', { details: { reason: 'the network has no host for the services' } })
    const start = async (host: ShapedHost, verb: string, args: readonly string[]) => {
      const name = `${verb}-${host.name}`
      processes.push(await ServiceProcess.start({ name, verb, args, logDirectory: directory, through: host.through }))
    }
    await startServices(services, directory, start)
    await publish(services, directory, seed)
    const urls = ['metadata', 'tracker', 'origin'].map(name => `--${name}=${urlOf(services, name as keyof typeof PORTS)}`)
    await Promise.all(
      hosts.map(host =>
        start(host, 'peer', [
          `--peer.id=${host.name}`,
          `--host=${host.address}`,
          `--http.port=${PORTS.player}`,
          `--data=${join(directory, 'peers')}`,
          ...urls,
        ]),
      ),
    )
    await Promise.all(hosts.map(host => ask(host, '/stream/song-1.mp3', ['-o', '/dev/null'])))
    return runOf(await Promise.all(hosts.map(whatHappened)))
  } finally {
    await Promise.all(processes.map(process => process.kill()))
    await network.close()
    await rm(directory, { recursive: true, force: true })
  }
}

type Start = (host: ShapedHost, verb: string, args: readonly string[]) => Promise<void>

async function startServices(services: ShapedHost, directory: string, start: Start): Promise<void> {
  const host = `--host=${services.address}`
  await start(services, 'metadata', [host, `--port=${PORTS.metadata}`, `--data=${join(directory, 'metadata')}`])
  await start(services, 'origin', [host, `--port=${PORTS.origin}`, `--storage=${join(directory, 'storage')}`])
  await start(services, 'tracker', [host, `--port=${PORTS.tracker}`, `--metadata=${urlOf(services, 'metadata')}`])
}

async function publish(services: ShapedHost, directory: string, seed: number): Promise<void> {
  const input = join(directory, 'input', 'song.mp3')
  await mkdir(join(directory, 'input'))
  await writeFile(input, mp3Bytes({ seed, sizeBytes: SONG_BYTES }))
  const flags = [
    `--input=${input}`,
    '--songId=song-1',
    `--chunkSize=${CHUNK_SIZE_BYTES}`,
    `--storage=${join(directory, 'storage')}`,
    '--quiet',
  ]
  const to = [`--metadata=${urlOf(services, 'metadata')}`, `--token-file=${join(directory, 'metadata', 'operator-token')}`]
  const [ip = 'ip', ...words] = services.through
  await run(ip, [...words, process.execPath, PROGRAM_PATH, 'preprocess', ...flags, ...to])
}

interface Happened {
  readonly play: MeasuredPlay
  readonly status: PeerStatus
}

/** The play is over when the player has opened no other connection for a while. */
async function whatHappened(host: ShapedHost): Promise<Happened> {
  const play = await eventually(
    `${host.name} says how its play went`,
    async () => (JSON.parse(await ask(host, '/api/plays')) as PeerPlays).plays.find(({ isOver }) => isOver),
    { deadlineMs: OVER_DEADLINE_MS },
  )
  const status = JSON.parse(await ask(host, '/api/status')) as PeerStatus
  const { startupMs, stallCount, stalledMs } = play
  return { play: { startupMs, silentForMs: 0, stallCount, stalledMs, seekMs: [] }, status }
}

function runOf(happened: readonly Happened[]): PlaybackRun {
  const sum = (figureOf: (status: PeerStatus) => number) => happened.reduce((total, { status }) => total + figureOf(status), 0)
  const plays = happened.map(({ play }) => play)
  return {
    originBytes: sum(({ received }) => received.originBytes),
    peerBytes: sum(({ received }) => received.peerBytes),
    wastedBytes: sum(({ wastedBytes }) => wastedBytes),
    songBytes: SONG_BYTES,
    plays,
    starts: plays,
  }
}

async function ask(host: ShapedHost, path: string, flags: readonly string[] = []): Promise<string> {
  const [ip = 'ip', ...words] = host.through
  const url = `http://127.0.0.1:${PORTS.player}${path}`
  return (await run(ip, [...words, 'curl', '-sSf', '--max-time', String(PLAY_TIMEOUT_SECONDS), ...flags, url])).stdout
}

function urlOf(host: ShapedHost, service: keyof typeof PORTS): string {
  return `http://${host.address}:${PORTS[service]}`
}
