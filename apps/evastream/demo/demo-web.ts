// `demo --web` for people: the page is opened when the town stands, shown where there is a browser, and kept until they have seen enough.
// Not the page (demo-page.ts) and not the keys themselves (serve/key-commands.ts).
// Invariant: without a browser it says the address and goes on; whatever was opened is closed, also in the middle of its opening.

import type { RunningService } from '@evastream/service-kit/run-service'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import type { CommandHost } from '../command.ts'
import { listenToKeys, openInBrowser } from '../serve/key-commands.ts'
import { DemoSwitches } from './demo-switches.ts'
import type { PublishedSong, Town } from './town.ts'

export interface DemoWebDeps {
  readonly town: Town
  readonly host: CommandHost
}

export class DemoWeb {
  readonly #deps: DemoWebDeps
  readonly #switches: DemoSwitches
  readonly #hasKeys: boolean
  #opening: Promise<RunningService> | undefined
  #giveBack: () => void = () => undefined
  #url = ''

  constructor(deps: DemoWebDeps) {
    this.#deps = deps
    this.#switches = new DemoSwitches({ town: deps.town, clock: systemClock, timers: systemTimers })
    this.#hasKeys = deps.host.stdin.isTTY && deps.host.stderr.isTTY
  }

  async open(): Promise<void> {
    const { town, host } = this.#deps
    this.#opening = import('./demo-page.ts').then(({ openDemoPage }) => openDemoPage({ town, switches: this.#switches }))
    this.#url = `${(await this.#opening).url}/#/swarm`
    host.stderr.write(`The swarm page is at ${this.#url}${this.#hasKeys ? ' (o opens it, q ends the demo)' : ''}\n`)
    if (!this.#hasKeys) return
    const show = () => openInBrowser(this.#url, () => undefined)
    this.#giveBack = listenToKeys(host.stdin, { open: show, quit: () => void process.kill(process.pid, 'SIGINT') })
    if (hasBrowser(host.env)) show()
  }

  storyTold(song: PublishedSong): void {
    this.#switches.storyTold(song)
  }

  /** Resolves when the audience has seen enough. */
  async untilSeen(): Promise<void> {
    const { stderr, signal } = this.#deps.host
    const how = this.#hasKeys ? 'q or Ctrl-C ends' : 'Ctrl-C ends'
    stderr.write(`\nThe town goes on, and its page has two buttons for you: ${this.#url}\n${how} the demo.\n`)
    if (signal.aborted) return
    await new Promise<void>(resolve => {
      signal.addEventListener('abort', () => resolve())
    })
  }

  async close(): Promise<void> {
    this.#giveBack()
    this.#switches.close()
    const page = await this.#opening?.catch(notOpened)
    await page?.close()
  }
}

/** It was said where the page was waited for. */
function notOpened(): undefined {
  return undefined
}

/** Whether a page can be shown to the person at this terminal. */
function hasBrowser(env: NodeJS.ProcessEnv): boolean {
  if (process.platform === 'darwin' || process.platform === 'win32') return true
  return Boolean(env.DISPLAY) || Boolean(env.WAYLAND_DISPLAY)
}
