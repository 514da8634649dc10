// `evastream play <songId> …`: a player of this machine, fed by a peer of this machine.
// Not a player of its own, and not a second cache: a peer that runs is used, and one of our own keeps what it fetched.
// Invariant: exit code 0 when the player played to its end or was told to stop; what the play came to is told either way.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { isId, parseSongId, type SongId } from '@evastream/core/ids'
import { MINUTE_MS } from '@evastream/core/units'
import { peerNodeOptions } from '@evastream/peer-node/config'
import { QUEUE_LENGTH_MAX } from '@evastream/protocol/peer-http'
import { type ConfigValues, type LoadedConfig, loadConfig, type OptionTable } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { checkServiceUrl } from '@evastream/service-kit/option-checks'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { type CommandHost, defineCommand, type ExitCode } from '../command.ts'
import { DEFAULT_PEER_URL, peerAtHand } from '../play/peer-at-hand.ts'
import { PlaySession } from '../play/play-session.ts'
import { summaryLine } from '../play/play-summary.ts'
import { findPlayer, type PlayerName, type PlayerProgram } from '../play/player-program.ts'
import { type PlayerEnd, runPlayer } from '../play/player-run.ts'

const {
  host: _host,
  json: _json,
  config,
  'http.port': _httpPort,
  'song.id': _songId,
  'log.level': logLevel,
  ...ownPeerOptions
} = peerNodeOptions

const playOptions = {
  mpv: { type: 'boolean', default: false, describe: 'Play with mpv' },
  vlc: { type: 'boolean', default: false, describe: 'Play with VLC' },
  ffplay: { type: 'boolean', default: false, describe: 'Play with ffplay' },
  url: {
    type: 'boolean',
    default: false,
    describe: 'Open no player: print the addresses on stdout (on stderr with --json) and serve them until Ctrl-C',
  },
  peer: {
    type: 'string',
    describe: `The peer to play through, which must run; without one, that at ${DEFAULT_PEER_URL}, else one for the time of the play`,
    check: checkServiceUrl,
  },
  json: { type: 'boolean', default: false, describe: 'Print what came from whom as one JSON object on stdout, in the end' },
  ...ownPeerOptions,
  config,
  'log.level': { ...logLevel, default: 'warn' },
} as const satisfies OptionTable

type PlayValues = ConfigValues<typeof playOptions>

export const playCommand = defineCommand({
  verb: 'play',
  summary: 'play songs with mpv, VLC or ffplay while they arrive',
  example: 'evastream play song-1 song-2',
  positionals: ['songId', 'moreSongs...'],
  options: playOptions,
  run: async (loaded, host) => {
    const { values } = loaded
    const songIds = songIdsOf(loaded)
    const wanted = wantedPlayer(values)
    const logger = createLogger({ name: 'play', level: values['log.level'] }, { stdout: host.stdout, stderr: host.stderr })
    const wish = { peerUrl: values.peer, wantsOwn: ownFlagOf(loaded) !== undefined, ownValues: ownPeerValues(values) }
    const peer = await peerAtHand(wish, logger)
    try {
      const session = await PlaySession.begin(peer.client, songIds)
      const player = values.url ? undefined : await findPlayer(wanted, host.env)
      try {
        const end = await play({ session, player, values, wanted }, host)
        await tell(session, values.json, host)
        return exitCodeOf(end, player)
      } finally {
        if (!peer.isOwn) await session.end()
      }
    } finally {
      await peer.close()
    }
  },
})

interface Performance {
  readonly session: PlaySession
  readonly player: PlayerProgram | undefined
  readonly values: PlayValues
  readonly wanted: PlayerName | undefined
}

async function play(
  { session: { urls }, player, values, wanted }: Performance,
  { stdout, stderr, stdin, signal }: CommandHost,
): Promise<PlayerEnd> {
  if (player !== undefined) return runPlayer({ program: player, timers: systemTimers }, { urls, signal, hasTerminal: stdin.isTTY })
  if (!values.url) {
    const missing = wanted === undefined ? 'None of mpv, VLC and ffplay is installed' : `${wanted} is not installed`
    stderr.write(`${missing}: open the address in any player.\n`)
  }
  // With --json stdout is for the one object in the end.
  const addresses = values.json ? stderr : stdout
  addresses.write(urls.map(url => `${url}\n`).join(''))
  stderr.write('Serving until Ctrl-C …\n')
  await aborted(signal)
  return { kind: 'interrupted' }
}

async function tell(session: PlaySession, isJson: boolean, { stdout, stderr }: CommandHost): Promise<void> {
  const plays = await session.summary().catch(toEvaError)
  if (plays instanceof EvaError) {
    // A program that asked for the object must not take its absence for success.
    if (isJson) throw plays
    stderr.write(`What came from whom is not known: ${plays.message}\n`)
  } else if (isJson) stdout.write(`${JSON.stringify({ plays })}\n`)
  else for (const song of plays) stderr.write(`${summaryLine(song)}\n`)
}

function exitCodeOf(end: PlayerEnd, player: PlayerProgram | undefined): ExitCode {
  if (end.kind !== 'failed') return 0
  throw new EvaError('EVA_PLAYER_FAILED', {
    details: { player: player?.name ?? 'player', what: end.url ?? 'the songs', reason: end.reason },
  })
}

function songIdsOf({ positionals, rest }: LoadedConfig<OptionTable>): readonly SongId[] {
  const words = [positionals.songId ?? '', ...rest]
  const strange = words.find((word): boolean => !isId(word))
  if (strange !== undefined) throw usage(`"${strange.slice(0, 64)}" is not a song id.`)
  if (words.length > QUEUE_LENGTH_MAX + 1)
    throw usage(`${words.length} songs are too many: one and ${QUEUE_LENGTH_MAX} after it are the most.`)
  return words.map(parseSongId)
}

function wantedPlayer(values: PlayValues): PlayerName | undefined {
  const chosen = (['mpv', 'vlc', 'ffplay', 'url'] as const).filter(name => values[name])
  if (chosen.length > 1) throw usage(`The flags ${chosen.map(name => `--${name}`).join(' and ')} exclude one another; give one.`)
  const [only] = chosen
  return only === 'url' ? undefined : only
}

/** The first flag that says how a peer of our own is to be. A file or the environment may say it for every verb, and means no more. */
function ownFlagOf({ values, origins }: LoadedConfig<typeof playOptions>): string | undefined {
  const flag = (Object.keys(ownPeerOptions) as (keyof typeof ownPeerOptions)[]).find(key => origins[key] === 'flag')
  if (flag !== undefined && values.peer !== undefined)
    throw usage(`The flag --${flag} is for a peer of the play's own; with --peer, leave it out.`)
  return flag
}

function ownPeerValues(values: PlayValues): ConfigValues<typeof peerNodeOptions> {
  const { values: defaults } = loadConfig(peerNodeOptions, { argv: [], env: {} })
  const own = Object.fromEntries(Object.keys(ownPeerOptions).map(key => [key, values[key as keyof PlayValues]]))
  return { ...defaults, ...own, 'http.port': 0 }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    // Who only waits for a signal is taken by Node for somebody with nothing left to do.
    const stopWaiting = systemTimers.every(MINUTE_MS, () => undefined)
    const stop = (): void => {
      stopWaiting()
      resolve()
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}
