// A terminal taken over for a while: drawn anew from the top, listened to for one key, and given back as it was.
// Not what is drawn.
// Invariant: the terminal is given back however the process ends, SIGKILL excepted.

import type { CommandHost } from '../command.ts'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
/** Before a line, not after it: behind a line as wide as the terminal there is no room for the cursor, and its last cell would go. */
const WHOLE_LINE = '\u001b[2K'
const REST_OF_SCREEN = '\u001b[J'
const CTRL_C = '\u0003'

export class LiveScreen {
  readonly #host: Pick<CommandHost, 'stdout' | 'stdin'>
  readonly #quit: () => void
  #isOpen = false

  /** @param quit called when somebody types q or Ctrl-C */
  constructor(host: Pick<CommandHost, 'stdout' | 'stdin'>, { quit }: { readonly quit: () => void }) {
    this.#host = host
    this.#quit = quit
  }

  open(): void {
    const { stdout, stdin } = this.#host
    this.#isOpen = true
    process.once('exit', this.#restore)
    stdout.write(ENTER)
    if (!stdin.isTTY) return
    stdin.setRawMode(true)
    stdin.on('data', this.#typed)
    stdin.resume()
  }

  draw(lines: readonly string[]): void {
    if (this.#isOpen) this.#host.stdout.write(`${HOME}${lines.map(line => `${WHOLE_LINE}${line}`).join('\r\n')}${REST_OF_SCREEN}`)
  }

  close(): void {
    const { stdin } = this.#host
    process.off('exit', this.#restore)
    this.#restore()
    if (!stdin.isTTY) return
    stdin.off('data', this.#typed)
    stdin.pause()
  }

  readonly #restore = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { stdout, stdin } = this.#host
    if (stdin.isTTY) stdin.setRawMode(false)
    stdout.write(LEAVE)
  }

  readonly #typed = (keys: Buffer): void => {
    const text = keys.toString()
    if (text.includes('q') || text.includes('Q') || text.includes(CTRL_C)) this.#quit()
  }
}
