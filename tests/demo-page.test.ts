// `evastream demo --web` as its audience meets it: the story, the page beside it in a real browser, the two buttons, and the end.
// Not the demo's figures (demo.test.ts) and not the rules of the buttons one by one (demo-switches.test.ts).

/// <reference lib="dom" />

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@evastream/testkit/eventually'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoResult } from '../apps/evastream/demo/demo-result.ts'
import { seriousFaults } from './axe-check.ts'
import { missingReason } from './installed-program.ts'
import { cleanEnvironment } from './loopback-town.ts'
import { openPage, PageBrowser } from './page-browser.ts'
import { fitHeight } from './whole-view.ts'

const PICTURES = 'tests/artefacts'
const STORY_DEADLINE_MS = 120_000
/** Four and the one without the origin, but for the killed one. */
const LIVING_AFTER_THE_STORY = 4
const TEST_LIMIT_MS = 200_000

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('evastream demo --web', () => {
  let root = ''
  let demo: ChildProcess
  let browser: PageBrowser
  let page: Page
  const said = { stdout: '', stderr: '' }

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'evastream-demo-page-'))
    await mkdir(join(root, 'town'))
    await mkdir(PICTURES, { recursive: true })
    demo = spawn(process.execPath, ['bin/evastream.js', 'demo', '--web', '--json'], {
      env: cleanEnvironment({ TMPDIR: join(root, 'town') }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const)
      demo[name]?.on('data', text => {
        said[name] += String(text)
      })
    browser = await PageBrowser.open()
  })
  afterAll(async () => {
    await browser.close()
    demo.kill('SIGKILL')
    await rm(root, { recursive: true, force: true })
  })

  const unplug = () => page.getByRole('button', { name: /Pull the plug/ })
  const isHere = async () => (await page.getByText('The origin does not answer').count()) === 0
  const listeners = async () => Number(await page.locator('.swarm-value').first().textContent())

  it(
    'the address is said at once, and the story is watched on the page, whose buttons wait for its end',
    async () => {
      const url = await eventually('its address', async () => /The swarm page is at (\S+)/.exec(said.stderr)?.[1], { deadlineMs: 60_000 })
      page = await openPage(await browser.listener(), url)
      await unplug().waitFor()
      expect(await unplug().getAttribute('aria-disabled')).toBe('true')
      expect(said.stdout).toBe('')
      await eventually('the story', async () => said.stdout.endsWith('\n'), { deadlineMs: STORY_DEADLINE_MS })
      const { ok, peers } = JSON.parse(said.stdout) as DemoResult
      expect([ok, peers.length, demo.exitCode]).toEqual([true, 4, null])
      expect(said.stderr).toContain('Ctrl-C ends the demo')
    },
    TEST_LIMIT_MS,
  )

  it(
    'pressed by key, the origin is away, is counted down, and comes back; five listeners come without it',
    async () => {
      await eventually('it is our turn', async () => (await unplug().getAttribute('aria-disabled')) === 'false')
      await eventually('the page knows that the story’s origin is back', isHere)
      await unplug().focus()
      await page.keyboard.press('Enter')
      await page.getByText('The origin does not answer').waitFor()
      await page.getByText(/comes back in \d+ s/).waitFor()
      await eventually('its number says so', async () => (await page.locator('.swarm-value').nth(1).textContent()) === 'away')
      expect(await unplug().evaluate(element => element === document.activeElement)).toBe(true)
      await page.keyboard.press('Tab')
      await page.keyboard.press('Space')
      // The killed one is counted until the tracker misses it.
      await eventually('five more', async () => (await listeners()) >= LIVING_AFTER_THE_STORY + 5, { deadlineMs: 40_000 })
      await eventually('music flows', async () => /[1-9]/.test((await page.locator('.swarm-value').nth(2).textContent()) ?? ''))
      for (const width of [360, 1440]) {
        await fitHeight(page, width)
        await page.screenshot({ path: join(PICTURES, `demo-away-${width}.png`) })
      }
      expect(await seriousFaults(page)).toEqual([])
      await eventually('the origin is back', isHere, { deadlineMs: 40_000 })
      await page.getByText('5 of at most 20 were added').waitFor()
    },
    TEST_LIMIT_MS,
  )

  it('a press that fails: is one sentence, and the button can be pressed again', async () => {
    await page.route('**/add-listeners', route => route.abort())
    await page.keyboard.press('Space')
    await page.getByText('EvaStream does not answer. It may be restarting.').waitFor()
    expect(await page.getByRole('button', { name: /Add five/ }).getAttribute('aria-disabled')).toBe('false')
    expect(browser.troubles).toEqual([])
  })

  it('Ctrl-C: it ends with the story’s exit code and leaves nothing behind', async () => {
    const ended = once(demo, 'exit')
    demo.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    expect(await readdir(join(root, 'town'))).toEqual([])
  })
})
