// `evastream status`: a peer of this machine at a glance, alive on a terminal, one JSON object for a program.
// Not a judge of its health: /readyz and /metrics are for that.
// Invariant: nothing is changed by looking.

import { PeerClient } from '@evastream/clients/peer-client'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { checkServiceUrl } from '@evastream/service-kit/option-checks'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { type CommandHost, defineCommand } from '../command.ts'
import { DEFAULT_PEER_URL } from '../play/peer-at-hand.ts'
import { LiveScreen } from '../status/live-screen.ts'
import { statusFrame } from '../status/status-frame.ts'
import { lookAt, type StatusLook, statusObject } from '../status/status-look.ts'

const LOOK_INTERVAL_MS = 1000
const CALL_TIMEOUT_MS = 5000
const COLUMNS_WITHOUT_TERMINAL = 80
const SILENT_WORDS = 'The peer does not answer; it is asked again. q ends'

export const statusCommand = defineCommand({
  verb: 'status',
  summary: 'watch a peer: what it holds, takes, gives and plays',
  example: 'evastream status',
  options: {
    peer: { type: 'string', default: DEFAULT_PEER_URL, describe: 'The peer to look at', check: checkServiceUrl },
    once: { type: 'boolean', default: false, describe: 'Print the table once instead of drawing it each second' },
    json: {
      type: 'boolean',
      default: false,
      describe: 'Print one JSON object; without --once also what happens when stdout is no terminal',
    },
    config: { type: 'string', describe: 'A TOML or JSON file with settings' },
  },
  run: async ({ values: { peer, once, json } }, host) => {
    const client = new PeerClient({ baseUrl: peer, timeoutMs: CALL_TIMEOUT_MS })
    try {
      const look = await lookAt(client, systemClock, host.signal)
      if (json || !(once || host.stdout.isTTY)) host.stdout.write(`${JSON.stringify(statusObject(look))}\n`)
      else if (once) host.stdout.write(lastFrame(look, host))
      else host.stdout.write(lastFrame(await watch(client, look, host), host))
      return 0
    } finally {
      await client.close()
    }
  },
})

/** Draws until somebody has seen enough. @returns the last look */
async function watch(client: PeerClient, first: StatusLook, { stdout, stdin, signal }: CommandHost): Promise<StatusLook> {
  let [look, previous]: [StatusLook, StatusLook | undefined] = [first, undefined]
  let [isLooking, isSilent] = [false, false]
  const end = new AbortController()
  const screen = new LiveScreen({ stdout, stdin }, { quit: () => end.abort() })
  const draw = (): void => {
    const { columns, rows } = stdout
    const lines = statusFrame(look, previous, { columns, rows, hasColour: stdout.hasColors() })
    screen.draw([...lines.slice(0, rows - 1), isSilent ? SILENT_WORDS : 'q ends'])
  }
  const lookAgain = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    const outcome = await lookAt(client, systemClock, end.signal).catch(toEvaError)
    isLooking = false
    isSilent = outcome instanceof EvaError
    if (!(outcome instanceof EvaError)) [look, previous] = [outcome, look]
    if (!end.signal.aborted) draw()
  }
  const stop = (): void => end.abort()
  signal.addEventListener('abort', stop, { once: true })
  stdout.on('resize', draw)
  const stopTimer = systemTimers.every(LOOK_INTERVAL_MS, () => void lookAgain())
  try {
    screen.open()
    draw()
    await new Promise<void>(resolve => end.signal.addEventListener('abort', () => resolve(), { once: true }))
  } finally {
    stopTimer()
    stdout.off('resize', draw)
    signal.removeEventListener('abort', stop)
    screen.close()
  }
  return look
}

function lastFrame(look: StatusLook, { stdout }: CommandHost): string {
  const columns = stdout.columns || COLUMNS_WITHOUT_TERMINAL
  return `${statusFrame(look, undefined, { columns, hasColour: stdout.isTTY && stdout.hasColors() }).join('\n')}\n`
}
