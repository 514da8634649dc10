// `evastream demo`: the whole town on loopback, one song, and the four things to observe.
// Not the story: demo/demo-story.ts.
// Invariant: exit code 0 only if all four observations held and every peer had the song bit for bit.

import { mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { BLOCK_SIZE_BYTES, KIB } from '@evastream/core/units'
import { openInputFile } from '@evastream/preprocessor/input-file'
import { wholeNumber } from '@evastream/service-kit/option-checks'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { type CommandHost, defineCommand } from '../command.ts'
import { closingTable } from '../demo/closing-table.ts'
import { type DemoResult, judge } from '../demo/demo-result.ts'
import { openStage } from '../demo/demo-stage.ts'
import { DemoStory } from '../demo/demo-story.ts'
import { DemoWeb } from '../demo/demo-web.ts'
import { PeerWatch } from '../demo/peer-watch.ts'
import { type PublishedSong, Town } from '../demo/town.ts'
import { DEMO_SONG_PATH } from '../repository-path.ts'

const PEERS_MIN = 3
const PEERS_MAX = 20
/** A short song gets small chunks, so that there is something to share midway. */
const CHUNKS_WANTED = 16
const CHUNK_SIZE_MAX_BYTES = 256 * KIB
const LOOK_INTERVAL_MS = 100

export const demoCommand = defineCommand({
  verb: 'demo',
  summary: 'watch a song travel from the origin into a swarm that then lives without it',
  example: 'evastream demo --peers 6 --input my.mp3',
  options: {
    peers: {
      type: 'number',
      default: 4,
      describe: 'How many peers arrive before the origin is stopped',
      check: wholeNumber(PEERS_MIN, PEERS_MAX),
    },
    input: { type: 'string', default: DEMO_SONG_PATH, describe: 'The audio file to publish' },
    web: { type: 'boolean', default: false, describe: 'Show the swarm page meanwhile, and stay until Ctrl-C' },
    keep: { type: 'boolean', default: false, describe: 'Leave the services and peers running' },
    json: { type: 'boolean', default: false, describe: 'Print the result as one JSON object on stdout' },
  },
  run: async ({ values: { peers, input, web, keep, json } }, host) => {
    await (await openInputFile(input)).close()
    const town = new Town({ directory: await mkdtemp(join(tmpdir(), 'evastream-demo-')), keep })
    const page = web ? new DemoWeb({ town, host }) : undefined
    try {
      const result = await Promise.race([perform({ town, input, peerCount: peers, page }, host), interrupted(host.signal)])
      host.stdout.write(json ? `${JSON.stringify(result)}\n` : closingTable(result, host.stdout.isTTY))
      await page?.untilSeen()
      return result.ok ? 0 : 1
    } finally {
      await page?.close()
      if (keep) host.stderr.write(keptWords(town))
      await town.close()
    }
  },
})

interface Performance {
  readonly town: Town
  readonly input: string
  readonly peerCount: number
  readonly page: DemoWeb | undefined
}

async function perform({ town, input, peerCount, page }: Performance, { stderr, signal }: CommandHost): Promise<DemoResult> {
  stderr.write('Starting the metadata service, the tracker and the origin …\n')
  await town.open()
  await page?.open()
  const song = await town.publish(input, await chunkSizeFor(input))
  stderr.write(`Published ${songWords(song)}\n`)
  const stage = openStage({ stream: stderr, songBytes: song.fileSize })
  const watch = new PeerWatch({ timers: systemTimers }, { songId: song.songId, intervalMs: LOOK_INTERVAL_MS })
  signal.addEventListener('abort', () => watch.stop())
  watch.onLook(() => stage.show(watch.samples))
  try {
    const result = judge(await new DemoStory({ town, watch, stage }, { song, peerCount }).play())
    page?.storyTold(song)
    return result
  } finally {
    watch.stop()
    stage.close()
  }
}

async function chunkSizeFor(path: string): Promise<number> {
  const fileSize = (await stat(path).catch(missing))?.size ?? 0
  const wanted = Math.ceil(fileSize / CHUNKS_WANTED / BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES
  return Math.min(CHUNK_SIZE_MAX_BYTES, Math.max(BLOCK_SIZE_BYTES, wanted))
}

/** The preprocessor says what is wrong with an input, better than we could here. */
function missing(): undefined {
  return undefined
}

function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new EvaError('EVA_CANCELLED')))
  })
}

function songWords({ songId, title, fileSize, chunkCount, chunkSize }: PublishedSong): string {
  return `"${title}" as ${songId}: ${fileSize} bytes in ${chunkCount} chunks of ${chunkSize}`
}

function keptWords(town: Town): string {
  const rows = town.processes.map(({ name, url, pid }) => `  ${name.padEnd(12)} ${url}  pid ${pid}`)
  const pids = town.processes.map(({ pid }) => pid).join(' ')
  return `\nStill running, in ${town.directory}:\n${rows.join('\n')}\nStop them with: kill ${pids}\n`
}
