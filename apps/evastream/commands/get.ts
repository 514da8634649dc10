// `evastream get <songId>`: a peer for the time of one download, whose song ends as one file.
// Not a way around the swarm: it asks peers first and gives while it takes, like any other.
// Invariant: exit code 0 only if the file is bit for bit what was published; a failed download leaves no file.

import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { isId, parseSongId, type SongId } from '@evastream/core/ids'
import { peerNodeOptions } from '@evastream/peer-node/config'
import type { PeerNode } from '@evastream/peer-node/peer-node'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { printable } from '@evastream/service-kit/printable-text'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { randomToken } from '@evastream/service-kit/token-generator'
import { SingleBar } from 'cli-progress'
import { byteText } from '../byte-text.ts'
import { type CommandHost, defineCommand } from '../command.ts'

const LOOK_INTERVAL_MS = 100

const { metadata, tracker, origin, sharing, 'peer.maxDownloads': maxDownloads } = peerNodeOptions
const { 'upload-limit': uploadLimit, 'download-limit': downloadLimit } = peerNodeOptions

export const getCommand = defineCommand({
  verb: 'get',
  summary: 'download one song into a file, as a peer for the time of one download',
  example: 'evastream get song-1 --output song.mp3',
  positionals: ['songId'],
  options: {
    output: { type: 'string', required: true, describe: 'The file to write; it appears whole or not at all' },
    metadata,
    tracker,
    origin,
    sharing,
    'upload-limit': uploadLimit,
    'download-limit': downloadLimit,
    'peer.maxDownloads': maxDownloads,
    json: { type: 'boolean', default: false, describe: 'Print the result as one JSON object on stdout' },
    config: peerNodeOptions.config,
    'log.level': { ...peerNodeOptions['log.level'], default: 'warn' },
  },
  run: async ({ values, positionals }, host) => {
    const songId = songIdOf(positionals.songId)
    const output = resolve(values.output)
    await refuseDirectory(output)
    const store = await mkdtemp(join(tmpdir(), 'evastream-get-'))
    const shared = ['metadata', 'tracker', 'origin', 'sharing', 'upload-limit', 'download-limit', 'peer.maxDownloads'] as const
    const flags = shared.flatMap(key => (values[key] === undefined ? [] : [`--${key}=${values[key]}`]))
    const own = [`--peer.id=get-${randomToken(9)}`, '--http.port=0', `--data=${store}`, '--cache-size=0']
    const logger = createLogger({ name: 'get', level: values['log.level'] }, { stdout: host.stdout, stderr: host.stderr })
    const { startPeerNode } = await import('@evastream/peer-node/main')
    let node: PeerNode | undefined
    try {
      node = await startPeerNode(loadConfig(peerNodeOptions, { argv: [...flags, ...own], env: {} }).values, logger)
      const fileSize = await fetchSong(node, songId, host)
      await node.exportSong(songId, output)
      tellResult({ node, songId, output, fileSize, json: values.json }, host)
      return 0
    } finally {
      await node?.close()
      await rm(store, { recursive: true, force: true })
    }
  },
})

async function fetchSong(node: PeerNode, songId: SongId, { stderr, signal }: CommandHost): Promise<number> {
  const { title, fileSize } = await node.openSong(songId)
  await node.download(songId)
  const bar = new SingleBar({
    stream: stderr,
    hideCursor: true,
    format: '{title} [{bar}] {percentage}% of {size}  origin {origin}  peers {peers}',
    formatValue: value => String(value),
  })
  const show = (): void => {
    const { originBytes, peerBytes } = node.status().received
    bar.update(Math.min(fileSize, originBytes + peerBytes), { origin: byteText(originBytes), peers: byteText(peerBytes) })
  }
  bar.start(fileSize, 0, { title: printableTitle(title), size: byteText(fileSize), origin: byteText(0), peers: byteText(0) })
  const stopLooking = systemTimers.every(LOOK_INTERVAL_MS, show)
  try {
    await node.whenComplete(songId, signal)
    show()
  } finally {
    stopLooking()
    bar.stop()
  }
  return fileSize
}

interface Result {
  readonly node: PeerNode
  readonly songId: SongId
  readonly output: string
  readonly fileSize: number
  readonly json: boolean
}

function tellResult({ node, songId, output, fileSize, json }: Result, { stdout, stderr }: CommandHost): void {
  const { received, sentBytes, wastedBytes } = node.status()
  if (json) stdout.write(`${JSON.stringify({ songId, output, fileSize, ...received, sentBytes, wastedBytes })}\n`)
  else
    stderr.write(
      `${output}: ${fileSize} bytes, bit for bit. ${byteText(received.peerBytes)} came from peers, ${byteText(received.originBytes)} from the origin.\n`,
    )
}

function songIdOf(word: string | undefined): SongId {
  if (isId(word)) return parseSongId(word)
  throw new EvaError('EVA_USAGE', { details: { reason: `"${String(word).slice(0, 64)}" is not a song id.` } })
}

async function refuseDirectory(output: string): Promise<void> {
  const reason = 'it names a directory; add a file name, such as song.mp3'
  if ((await stat(output).catch(missing))?.isDirectory() === true)
    throw new EvaError('EVA_USAGE', { details: { reason: `The flag --output is not valid: ${reason}.` } })
  const parent = dirname(output)
  if ((await stat(parent).catch(missing))?.isDirectory() !== true)
    throw new EvaError('EVA_USAGE', { details: { reason: `The flag --output is not valid: the directory ${parent} does not exist.` } })
}

function missing(): undefined {
  return undefined
}

/** A title is a stranger's text: no control characters on the terminal, and no braces for the bar to fill in. */
function printableTitle(title: string): string {
  return printable(title).replaceAll(/[{}]/g, ' ').slice(0, 40)
}
