// Single keys on the operator's terminal while the house is open.
// Not for pipes and services: without a terminal on both sides there are none.
// Invariant: the terminal is given back as it was, and Ctrl-C ends the program as everywhere.

import { spawn } from 'node:child_process'

export interface KeyActions {
  readonly open: () => void
  readonly quit: () => void
}

const CTRL_C = '\u0003'
const ESCAPE = '\u001b'

/** @returns what gives the terminal back */
export function listenToKeys(stdin: NodeJS.ReadStream, { open, quit }: KeyActions): () => void {
  if (!stdin.isTTY) return () => undefined
  const pressed = (key: Buffer): void => {
    const text = key.toString()
    // A key of several bytes, like an arrow; keys that are pressed quickly come together.
    if (text.startsWith(ESCAPE)) return
    for (const character of text) {
      if (character === 'o') open()
      else if (character === 'q' || character === CTRL_C) quit()
    }
  }
  stdin.setRawMode(true)
  stdin.on('data', pressed).resume()
  return () => {
    stdin.off('data', pressed).pause()
    stdin.setRawMode(false)
  }
}

const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Shows the page in the browser that this person uses. */
export function openInBrowser(url: string, failed: () => void): void {
  const [program, ...words] = OPENERS[process.platform] ?? ['xdg-open']
  spawn(program, [...words, url], { stdio: 'ignore', detached: true })
    .once('error', failed)
    .unref()
}
