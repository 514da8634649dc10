// `evastream serve` as an operator sits before it: a terminal, its keys, what is printed on it once, and the local network.
// Not the house itself (serve.test.ts). The terminal is `script`'s, the local network is a network namespace of the test's own.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { eventually } from '@evastream/testkit/eventually'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PROGRAM_PATH } from '../apps/evastream/repository-path.ts'
import { missingReason, runProgram } from './installed-program.ts'
import { cleanEnvironment } from './loopback-town.ts'

const LAN_ADDRESS = '192.168.77.2'
const QR_BLOCKS = /[█▀▄]{10}/

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-terminal-'))
  await mkdir(join(root, 'music'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** A process on a terminal of its own: what it shows, and keys pressed at it. */
class Terminal {
  readonly #child: ChildProcess
  shown = ''

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    const line = words.map(word => `'${word}'`).join(' ')
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], { env })
    this.#child.stdout?.on('data', bytes => {
      this.shown += String(bytes)
    })
  }

  press(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

describe.skipIf(missingReason('script') !== undefined)('serve on a terminal', () => {
  /** Tells where it was sent, instead of opening anything. */
  async function fakeBrowser(): Promise<NodeJS.ProcessEnv> {
    const directory = join(root, 'bin')
    await mkdir(directory)
    await writeFile(join(directory, 'xdg-open'), `#!/bin/sh\necho "$1" > '${join(root, 'opened')}'\n`)
    await chmod(join(directory, 'xdg-open'), 0o755)
    return cleanEnvironment({ PATH: `${directory}${delimiter}${process.env.PATH ?? ''}` })
  }

  const serveWords = (...flags: readonly string[]) => [
    process.execPath,
    PROGRAM_PATH,
    'serve',
    join(root, 'music'),
    `--data=${join(root, 'data')}`,
    '--port=0',
    ...flags,
  ]
  const count = (text: string, part: string | RegExp): number => text.split(part).length - 1

  it('what is printed: each address once, the token at the first start alone; o opens the page, q quits', async () => {
    const env = await fakeBrowser()
    const terminal = new Terminal(serveWords(), env)
    try {
      await eventually('the keys are told', () => terminal.shown.includes('q quits'))
      const url = /The page +(http:\/\/127\.0\.0\.1:\d+)/.exec(terminal.shown)?.[1] ?? ''
      terminal.press('o')
      const opened = await eventually('the page is opened', () => readFile(join(root, 'opened'), 'utf8').then(text => text !== '' && text))
      expect(opened.trim()).toBe(url)
      terminal.press('x')
      terminal.press('q')
      expect(await terminal.ended()).toBe(0)
      const token = (await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim()
      const { shown } = terminal
      for (const part of ['The page', 'For players', 'To join in', 'Keys:', token]) expect([part, count(shown, part)]).toEqual([part, 1])
      expect(shown).not.toMatch(QR_BLOCKS)
    } finally {
      terminal.kill()
    }
    const again = new Terminal(serveWords(), env)
    try {
      await eventually('the keys are told', () => again.shown.includes('q quits'))
      again.press('\u0003')
      await again.ended()
      expect(again.shown).not.toContain('shown this once')
    } finally {
      again.kill()
    }
  })

  it('no browser can be opened: one line says where the page is', async () => {
    const empty = join(root, 'nothing')
    await mkdir(empty)
    const terminal = new Terminal(['env', `PATH=${empty}`, ...serveWords()], cleanEnvironment())
    try {
      await eventually('the keys are told', () => terminal.shown.includes('q quits'))
      terminal.press('o')
      await eventually('it says so', () => terminal.shown.includes('No browser could be opened: the page is at http://'))
      terminal.press('q')
      await terminal.ended()
    } finally {
      terminal.kill()
    }
  })
})

const isRoot = process.getuid?.() === 0
describe.skipIf(!isRoot || missingReason('ip', 'curl') !== undefined)('serve --lan', () => {
  it('binds and registers the address of the local network, and takes the token for what an operator may do', async () => {
    const place = `eva-lan-${process.pid}`
    const inside = ['ip', 'netns', 'exec', place]
    await runProgram('ip', ['netns', 'add', place])
    let house: ServiceProcess | undefined
    try {
      for (const line of [
        'link set lo up',
        'link add lan0 type veth peer name lan1',
        `addr add ${LAN_ADDRESS}/24 dev lan0`,
        'link set lan0 up',
        'link set lan1 up',
      ])
        await runProgram('ip', ['-n', place, ...line.split(' ')])
      const args = [join(root, 'music'), `--data=${join(root, 'data')}`, '--port=0', '--lan']
      house = await ServiceProcess.start({ name: 'serve', verb: 'serve', args, logDirectory: root, through: inside })
      expect(new URL(house.url).hostname).toBe(LAN_ADDRESS)
      const asked = async (...words: readonly string[]) => {
        const [command = '', ...rest] = [...inside, 'curl', '-s', '-m', '10', ...words]
        return String((await runProgram(command, rest)).stdout)
      }
      const status = (...words: readonly string[]) => asked('-o', '/dev/null', '-w', '%{http_code}', ...words)
      expect(JSON.parse(await asked(`${house.url}/api/about`))).toMatchObject({ operator: { needsToken: true } })
      const token = (await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim()
      expect(await status(`${house.url}/api/operator/scan`)).toBe('401')
      expect(await status(`${house.url}/api/sharing`, '-X', 'PUT', '-H', 'content-type: application/json', '-d', '{"mode":"off"}')).toBe(
        '401',
      )
      expect(await status(`${house.url}/api/operator/scan`, '-H', `authorization: Bearer ${token}`)).toBe('200')
      const { port } = new URL(house.url)
      expect(await status(`http://127.0.0.1:${port}/`).catch(() => 'refused')).toBe('refused')
      expect(JSON.parse(await asked(`${house.url}/api/sharing`))).toMatchObject({ mode: 'on', seen: { host: LAN_ADDRESS } })
    } finally {
      await house?.stop()
      await runProgram('ip', ['netns', 'delete', place])
    }
  })
})
