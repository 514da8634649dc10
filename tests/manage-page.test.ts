// The operator's place on the page, in a real browser against a real `evastream serve` that asks for the token.
// Not the calls behind it (serve.test.ts).

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { type BrowserContext, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BROWSER_FLAGS } from './browser-flags.ts'
import { missingReason, pathOf } from './installed-program.ts'

const TIMEOUT_MS = 20_000

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)("the operator's place", () => {
  let root = ''
  let house: ServiceProcess
  let browser: BrowserContext

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'evastream-manage-'))
    await mkdir(join(root, 'music'))
    await writeFile(join(root, 'music/broken.mp3'), 'junk')
    await writeFile(join(root, 'mine.mp3'), mp3Bytes({ seed: 4, sizeBytes: 300_000, tags: { title: '<i>Mine</i>' } }))
    const args = [join(root, 'music'), `--data=${join(root, 'data')}`, '--port=0', '--host=127.0.0.2', '--scan.settleMs=100']
    house = await ServiceProcess.start({ name: 'serve', verb: 'serve', args, logDirectory: root })
    browser = await chromium.launchPersistentContext(join(root, 'profile'), {
      executablePath: pathOf('chromium') ?? 'chromium',
      args: [...BROWSER_FLAGS],
    })
  })
  afterAll(async () => {
    await browser.close()
    await house.stop()
    await rm(root, { recursive: true, force: true })
  })

  it('a wrong token, the right one, an upload, an edit and a deletion: as an operator does them', async () => {
    const page = await browser.newPage()
    page.setDefaultTimeout(TIMEOUT_MS)
    const faults: string[] = []
    page.on('pageerror', error => faults.push(error.message))
    await page.goto(`${house.url}/#/manage`)
    const token = (await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim()
    for (const words of ['wrong', token]) {
      await page.getByLabel('Operator token').fill(words)
      await page.getByRole('button', { name: 'Go on' }).click()
      if (words === 'wrong') await page.getByLabel('Operator token').waitFor()
    }
    await page.getByText('1 left out').waitFor()
    await page.getByLabel('Drop audio files here').setInputFiles([join(root, 'mine.mp3'), join(root, 'music/broken.mp3')])
    await page.getByText('published', { exact: true }).waitFor()
    await page.getByText('left out: The file').first().waitFor()
    await page.getByRole('button', { name: '<i>Mine</i>' }).click()
    await page.getByLabel('Title').fill('Ours')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    await page.getByRole('button', { name: 'Ours' }).waitFor()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('button', { name: 'Delete for every listener' }).click()
    await page.getByText('0 found').waitFor()
    expect(faults).toEqual([])
  })
})
