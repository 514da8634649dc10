// `<audio>` in a real browser, on a page of another origin that the peer lists: plays a song that is still arriving, seeks, opens it again.
// Not a page of ours: it is as small as can be. Other players are in players.test.ts.
// Invariant: sound is heard, not assumed: the decoded signal is looked at.

/// <reference lib="dom" />

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_SONG_PATH } from '../apps/evastream/repository-path.ts'
import { BROWSER_FLAGS } from './browser-flags.ts'
import { missingReason, pathOf } from './installed-program.ts'
import { LoopbackTown } from './loopback-town.ts'

/** This page begins to play without a click. */
const AUTOPLAY = '--autoplay-policy=no-user-gesture-required'

/** What a page says of its player after something was done with it. */
interface Heard {
  readonly currentTime: number
  readonly duration: number
  readonly peak: number
  readonly error: string | undefined
}

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('<audio> in Chromium', () => {
  let town: LoopbackTown
  let pages: Server
  let origin: string
  let profile: string
  let browser: BrowserContext
  let peerCount = 0

  beforeAll(async () => {
    pages = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>radio</title>'))
    await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
    profile = await mkdtemp(join(tmpdir(), 'evastream-browser-'))
    town = await LoopbackTown.open()
    await town.publishFile({ songId: 'song-1', path: DEMO_SONG_PATH, chunkSize: 256 * 1024 })
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: pathOf('chromium') ?? 'chromium',
      args: [...BROWSER_FLAGS, AUTOPLAY],
    })
  })

  afterAll(async () => {
    await browser.close()
    pages.close()
    await town.close()
    await rm(profile, { recursive: true, force: true })
  })

  async function freshPeer(): Promise<string> {
    const peerId = `browser-${++peerCount}`
    await town.startPeer(peerId, [`--http.origins=${origin}`])
    return peerId
  }

  async function openPage(): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(origin)
    return page
  }

  test('plays, seeks to 80 %, plays to the end and opens again, with sound', async () => {
    const peerId = await freshPeer()
    const page = await openPage()
    const url = `${town.url(peerId)}/stream/song-1/song-1.mp3`
    const started = await page.evaluate(play, { url })
    expect(started).toMatchObject({ error: undefined })
    expect(started.currentTime).toBeGreaterThan(0.5)
    expect(started.duration).toBeGreaterThan(221)
    expect(started.peak).toBeGreaterThan(0.01)
    const sought = await page.evaluate(play, { url, from: 0.8 })
    expect(sought.currentTime).toBeGreaterThan(0.8 * 221)
    expect(sought.peak).toBeGreaterThan(0.01)
    const ended = await page.evaluate(play, { url, from: 0.99, toEnd: true })
    expect(ended.currentTime).toBeCloseTo(ended.duration, 0)
    const again = await (await openPage()).evaluate(play, { url })
    expect(again.currentTime).toBeGreaterThan(0.5)
    const { plays } = (await (await fetch(`${town.url(peerId)}/api/plays`)).json()) as { plays: { stallCount: number }[] }
    expect(plays[0]?.stallCount).toBe(0)
  })

  test('two pages play one song at different places at once', async () => {
    const url = `${town.url(await freshPeer())}/stream/song-1/song-1.mp3`
    const [first, second] = await Promise.all([openPage(), openPage()])
    const [early, late] = await Promise.all([first.evaluate(play, { url }), second.evaluate(play, { url, from: 0.6 })])
    expect([early.error, late.error]).toEqual([undefined, undefined])
    expect(early.peak).toBeGreaterThan(0.01)
    expect(late.currentTime).toBeGreaterThan(0.6 * 221)
  })

  test('a page that is not listed gets no sound', async () => {
    await town.startPeer('closed')
    const heard = await (await openPage()).evaluate(play, { url: `${town.url('closed')}/stream/song-1/song-1.mp3` })
    expect(heard.error).toBeDefined()
    expect(heard.peak).toBe(0)
  })
})

/** Runs in the page: plays until a second of music was heard, or to the end, and tells what came out. */
async function play({ url, from = 0, toEnd = false }: { url: string; from?: number; toEnd?: boolean }): Promise<Heard> {
  const audio = new Audio()
  audio.crossOrigin = 'anonymous'
  audio.src = url
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  context.createMediaElementSource(audio).connect(analyser)
  analyser.connect(context.destination)
  const samples = new Float32Array(analyser.fftSize)
  const happens = (name: string) => new Promise<void>(resolve => audio.addEventListener(name, () => resolve(), { once: true }))
  const failed = happens('error')
  let peak = 0
  const told = () => ({ currentTime: audio.currentTime, duration: audio.duration, peak, error: audio.error?.message })
  await Promise.race([happens('loadedmetadata'), failed])
  if (audio.error !== null) return told()
  if (from > 0) {
    const sought = happens('seeked')
    audio.currentTime = from * audio.duration
    await Promise.race([sought, failed])
  }
  const startTime = audio.currentTime
  await Promise.race([audio.play(), failed])
  while (audio.error === null && !audio.ended && (toEnd || audio.currentTime < startTime + 1)) {
    await new Promise(resolve => setTimeout(resolve, 50))
    analyser.getFloatTimeDomainData(samples)
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample))
  }
  const outcome = told()
  audio.pause()
  audio.removeAttribute('src')
  audio.load()
  await context.close()
  return outcome
}
