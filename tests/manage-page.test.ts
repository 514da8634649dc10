// The operator's place on the page, in a real browser against a real `evastream serve` that asks for the token.
// Not the calls behind it (serve.test.ts).
// Invariant: pictures of the place lie in tests/artefacts afterwards.

/// <reference lib="dom" />

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seriousFaults } from './axe-check.ts'
import { missingReason } from './installed-program.ts'
import { PageBrowser } from './page-browser.ts'
import { fitHeight, placeOverflowOn } from './whole-view.ts'

const PICTURES = 'tests/artefacts'
const TIMEOUT_MS = 20_000
/** Slow enough for an upload to be watched. */
const UPLINK_BYTES_PER_SECOND = 400_000

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)("the operator's place", () => {
  let root = ''
  let house: ServiceProcess
  let browser: PageBrowser
  let page: Page

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'evastream-manage-'))
    await mkdir(join(root, 'music'))
    await mkdir(PICTURES, { recursive: true })
    await writeFile(join(root, 'music/broken.mp3'), 'junk')
    await writeFile(join(root, 'mine.mp3'), mp3Bytes({ seed: 4, sizeBytes: 300_000, tags: { title: '<i>Mine</i>' } }))
    const args = [join(root, 'music'), `--data=${join(root, 'data')}`, '--port=0', '--host=127.0.0.2', '--scan.settleMs=100']
    house = await ServiceProcess.start({ name: 'serve', verb: 'serve', args, logDirectory: root })
    browser = await PageBrowser.open()
    page = await (await browser.listener()).newPage()
    page.setDefaultTimeout(TIMEOUT_MS)
  })
  afterAll(async () => {
    await browser.close()
    await house.stop()
    await rm(root, { recursive: true, force: true })
  })

  const songs = () => page.locator('section', { has: page.getByRole('heading', { name: 'Songs', exact: true }) })

  /** As a hand does it that drags a file over the page and lets it go. */
  async function drop(name: string, bytes: Uint8Array): Promise<void> {
    const content = Buffer.from(bytes).toString('base64')
    const dataTransfer = await page.evaluateHandle(
      file => {
        const transfer = new DataTransfer()
        const letters = Uint8Array.from(atob(file.content), letter => letter.charCodeAt(0))
        transfer.items.add(new File([letters], file.name, { type: 'audio/mpeg' }))
        return transfer
      },
      { name, content },
    )
    await page.dispatchEvent('.manage-drop', 'dragover', { dataTransfer })
    await page.locator('.manage-drop.is-over').waitFor()
    await page.dispatchEvent('.manage-drop', 'drop', { dataTransfer })
  }

  it('a wrong token: is one clear sentence, and nothing else is shown; the right one opens the place', async () => {
    await page.goto(`${house.url}/#/manage`)
    for (const words of ['wrong', 'not even ÄSCII']) {
      await page.getByLabel('Operator token').fill(words)
      await page.getByRole('button', { name: 'Go on' }).click()
      await eventually('one sentence', async () => (await page.getByRole('alert').textContent()) === "This is not the operator's token.")
      expect(await page.getByRole('heading', { name: 'Upload songs' }).count()).toBe(0)
    }
    await page.screenshot({ path: join(PICTURES, 'manage-token.png') })
    expect(await seriousFaults(page)).toEqual([])
    await page.getByLabel('Operator token').fill((await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim())
    await page.keyboard.press('Enter')
    await page.getByText('1 left out').waitFor()
  })

  it('files chosen: each is published, or left out with its reason', async () => {
    await page.getByLabel('Drop audio files here').setInputFiles([join(root, 'mine.mp3'), join(root, 'music/broken.mp3')])
    await page.getByText('published', { exact: true }).waitFor()
    await page.getByText('left out: The file broken.mp3 holds no audio').first().waitFor()
  })

  it('a file dropped: its progress is seen, also from another place and back, and the song is there', async () => {
    const line = await page.context().newCDPSession(page)
    const throttle = (uploadThroughput: number) =>
      line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput })
    await throttle(UPLINK_BYTES_PER_SECOND)
    await drop('Long Way.mp3', mp3Bytes({ seed: 8, sizeBytes: 1_500_000, tags: { title: 'Long Way' } }))
    const progress = page.getByRole('progressbar', { name: 'Upload of Long Way.mp3' })
    await eventually('it is underway', async () => {
      const share = await progress.evaluate(bar => (bar as HTMLProgressElement).value)
      return share > 0 && share < 1
    })
    await page.getByRole('link', { name: 'Swarm' }).click()
    await page.getByRole('link', { name: 'Manage' }).click()
    await page.getByText('on its way').waitFor()
    await throttle(-1)
    await songs().getByRole('button', { name: 'Long Way' }).waitFor()
    expect(await page.getByText('published', { exact: true }).count()).toBe(2)
  })

  it('tags edited: are shown at once, here and in the library', async () => {
    await songs().getByRole('button', { name: '<i>Mine</i>' }).click()
    await page.getByLabel('Title').fill('Ours')
    await page.getByLabel('Artist').fill('All of us')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    await songs().getByRole('button', { name: 'Ours All of us' }).waitFor()
    await page.getByRole('link', { name: 'Library' }).click()
    await page.goto(`${house.url}/#/songs`)
    await page.getByText('All of us').first().waitFor()
    await page.goto(`${house.url}/#/manage`)
  })

  it.each(['light', 'dark'] as const)('%s: nothing sticks out at any width, and axe finds nothing serious', async theme => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    if ((await page.getByLabel('Title').count()) === 0) await songs().getByRole('button', { name: 'Ours All of us' }).click()
    if (theme === 'dark') await page.getByRole('button', { name: 'Delete…' }).click()
    for (const width of [320, 360, 768, 1440]) {
      await fitHeight(page, width)
      expect(await placeOverflowOn(page), `at ${width}`).toBeLessThanOrEqual(0)
      await page.screenshot({ path: join(PICTURES, `manage-${theme}-${width}.png`) })
    }
    expect(await seriousFaults(page)).toEqual([])
  })

  it('a deletion: asks first, takes no for an answer, and says what is gone; the keys stay where they are needed', async () => {
    const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id)
    await expect.poll(focused).toBe('Keep it')
    await page.keyboard.press('Enter')
    await expect.poll(focused).toBe('Delete…')
    expect(await songs().getByRole('button', { name: 'Ours' }).count()).toBe(1)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Delete for every listener' }).click()
    await page.getByText('1 found. Ours was deleted.').waitFor()
    await expect.poll(focused).toBe('manage-query')
    expect(browser.troubles).toEqual([])
  })
})
