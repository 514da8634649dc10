// Headless Chromium as listeners use it: pages of separate listeners, what their audio element really sounds like, and what went wrong.
// Not what a test does on a page, and not the processes that serve it (loopback-town.ts).
// Invariant: each listener has cookies, storage and pages of their own; every error of a page is kept, none is lost.

/// <reference lib="dom" />

import { eventually } from '@evastream/testkit/eventually'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { BROWSER_FLAGS } from './browser-flags.ts'
import { pathOf } from './installed-program.ts'

/** What the page's one audio element does. */
export interface Heard {
  readonly currentTime: number
  readonly isPaused: boolean
  /** Of the decoded signal, over a moment; 0 is silence. */
  readonly peak: number
  /** The address that is played. */
  readonly path: string
}

export interface SessionShown {
  readonly title: string
  readonly artist: string
  readonly album: string
  readonly artwork: string
  readonly playbackState: string
}

export class PageBrowser {
  readonly #browser: Browser
  /** What pages threw and complained of. */
  readonly troubles: string[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async open(): Promise<PageBrowser> {
    return new PageBrowser(await chromium.launch({ executablePath: pathOf('chromium') ?? 'chromium', args: [...BROWSER_FLAGS] }))
  }

  /** Somebody with a browser of their own. `hasRead`: the notice about sharing, on an earlier visit. */
  async listener({ hasRead = true }: { readonly hasRead?: boolean } = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext({ viewport: { width: 1440, height: 900 } })
    await context.addInitScript(keepAudio)
    if (hasRead) await context.addInitScript(rememberReading)
    context.on('page', page => {
      page.on('pageerror', error => this.troubles.push(String(error)))
      // What was not loaded is told by whoever loads it: a peer that starts anew is no fault of the page.
      page.on('console', message => {
        if (message.type() === 'error' && !message.text().startsWith('Failed to load')) this.troubles.push(message.text())
      })
    })
    return context
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}

export async function openPage(listener: BrowserContext, url: string): Promise<Page> {
  const page = await listener.newPage()
  await page.goto(url)
  return page
}

export const heardOn = (page: Page): Promise<Heard> => page.evaluate(listen)

/** Resolves when time passes in the song and its signal is not silence. */
export async function sounds(page: Page): Promise<void> {
  await eventually('it sounds', async () => {
    const first = await heardOn(page)
    const second = await heardOn(page)
    return second.currentTime > first.currentTime && Math.max(first.peak, second.peak) > 0.01
  })
}

/** What the system would show of it. */
export const sessionOn = (page: Page): Promise<SessionShown> =>
  page.evaluate(() => {
    const { metadata, playbackState } = navigator.mediaSession
    const [{ src } = { src: '' }] = metadata?.artwork ?? []
    const artwork = src === '' ? '' : new URL(src, location.href).pathname
    return { title: metadata?.title ?? '', artist: metadata?.artist ?? '', album: metadata?.album ?? '', artwork, playbackState }
  })

/** How much wider than the window the page is, or what is scrolled in it. */
export const overflowOn = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { scrollWidth = 0, clientWidth = 0 } = document.querySelector('main') ?? {}
    return Math.max(document.documentElement.scrollWidth - window.innerWidth, scrollWidth - clientWidth)
  })

function keepAudio(): void {
  const Native = window.Audio
  window.Audio = class extends Native {
    constructor() {
      super()
      Object.assign(window, { heardAudio: this })
    }
  } as typeof Audio
}

/** Runs in every page, also in the empty one before the first. */
function rememberReading(): void {
  if (location.protocol === 'http:') window.localStorage.setItem('evastream.sharing-read', 'yes')
}

/** Runs in the page: listens to its audio element for a moment. */
async function listen(): Promise<Heard> {
  const held = window as unknown as { heardAudio: HTMLAudioElement; analyser?: AnalyserNode }
  const audio = held.heardAudio
  if (held.analyser === undefined) {
    const context = new AudioContext()
    await context.resume()
    held.analyser = context.createAnalyser()
    context.createMediaElementSource(audio).connect(held.analyser)
    held.analyser.connect(context.destination)
  }
  const samples = new Float32Array(held.analyser.fftSize)
  let peak = 0
  for (let turn = 0; turn < 6 && !audio.paused; turn++) {
    await new Promise(resolve => setTimeout(resolve, 50))
    held.analyser.getFloatTimeDomainData(samples)
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample))
  }
  const path = audio.src === '' ? '' : new URL(audio.src).pathname
  return { currentTime: audio.currentTime, isPaused: audio.paused, peak, path }
}
