// The players that `evastream play` knows: under which names they are found, and how each is told to play addresses and end.
// Not their running (player-run.ts), and no player of our own.
// Invariant: an address is never taken for an option, and every player ends by itself after the last song.

import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

export type PlayerName = 'mpv' | 'vlc' | 'ffplay'

export interface PlayerProgram {
  readonly name: PlayerName
  readonly path: string
  /** One after the other: ffplay takes one address at a time. */
  runsFor(urls: readonly string[]): readonly ProgramRun[]
}

export interface ProgramRun {
  readonly args: readonly string[]
  /** What it plays. */
  readonly urls: readonly string[]
}

interface KnownPlayer {
  readonly name: PlayerName
  /** In the order in which they are tried; with a screen, and without one. */
  readonly programs: readonly [withScreen: readonly string[], without: readonly string[]]
  runsFor(urls: readonly string[], hasScreen: boolean): readonly ProgramRun[]
}

const KNOWN_PLAYERS: readonly KnownPlayer[] = [
  {
    name: 'mpv',
    programs: [['mpv'], ['mpv']],
    // No window for a cover, and no site extractor for what is plain audio.
    runsFor: urls => [{ args: ['--audio-display=no', '--force-window=no', '--ytdl=no', '--', ...urls], urls }],
  },
  {
    name: 'vlc',
    programs: [
      ['vlc', 'cvlc'],
      ['cvlc', 'vlc'],
    ],
    // Handing over to a window that is open already would look as if the play had ended at once.
    runsFor: urls => [{ args: ['--no-one-instance', '--play-and-exit', '--no-video-title-show', '--quiet', '--', ...urls], urls }],
  },
  {
    name: 'ffplay',
    programs: [['ffplay'], ['ffplay']],
    runsFor: (urls, hasScreen) =>
      urls.map(url => ({
        args: ['-hide_banner', '-loglevel', 'error', '-autoexit', ...(hasScreen ? [] : ['-nodisp']), '-i', url],
        urls: [url],
      })),
  },
]

/** The player asked for, or the first there is; undefined when PATH has none. */
export async function findPlayer(wanted: PlayerName | undefined, env: NodeJS.ProcessEnv): Promise<PlayerProgram | undefined> {
  const hasScreen = Boolean(env.DISPLAY) || Boolean(env.WAYLAND_DISPLAY) || process.platform === 'darwin'
  for (const { name, programs, runsFor } of KNOWN_PLAYERS) {
    if (wanted !== undefined && wanted !== name) continue
    for (const program of programs[hasScreen ? 0 : 1]) {
      const path = await findInPath(program, env.PATH ?? '')
      if (path !== undefined) return { name, path, runsFor: urls => runsFor(urls, hasScreen) }
    }
  }
  return undefined
}

async function findInPath(program: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter)) {
    if (directory === '') continue
    const candidate = join(directory, program)
    if (await isRunnable(candidate)) return candidate
  }
  return undefined
}

async function isRunnable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false // Not there, or not for us: the next directory may have it.
  }
}
