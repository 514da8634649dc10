// What operators are given to run and watch the house: checked by the programs that will read it, where these are installed.
// Not the containers themselves: there is no runtime here to try them with; what compose reads is checked by docker-compose.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { eventually } from '@evastream/testkit/eventually'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { missingReason, runProgram } from './installed-program.ts'

const deploy = (name: string): string => fileURLToPath(new URL(`../deploy/${name}`, import.meta.url))
const withoutPromtool = missingReason('promtool')
const withoutSystemd = missingReason('systemd-analyze')
const withoutCompose = missingReason('docker-compose')

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-deploy-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Every query of the board, as recording rules, which promtool reads. */
async function boardQueries(): Promise<string[]> {
  const board = JSON.parse(await readFile(deploy('grafana/evastream.json'), 'utf8')) as { panels: { targets: { expr: string }[] }[] }
  return board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
}

const namesIn = (text: string): string[] => text.match(/\bevastream_[a-z_]+/g) ?? []

describe('deploy', () => {
  it.skipIf(withoutPromtool !== undefined)(
    'metrics of all four services: pass promtool, and hold every figure that is asked for',
    async () => {
      const args = [root, `--data=${join(root, 'data')}`, '--port=0', '--log.level=info']
      const house = await ServiceProcess.start({ name: 'serve', verb: 'serve', args, logDirectory: root })
      try {
        const log = await readFile(join(root, 'serve.log'), 'utf8')
        const urls = [...new Set(log.match(/http:\/\/127\.0\.0\.1:\d+/g))]
        expect(urls).toHaveLength(4)
        let told = ''
        for (const [index, url] of urls.entries()) {
          const text = await eventually('figures', async () => (await fetch(`${url}/metrics`)).text())
          const path = join(root, `metrics-${index}`)
          await writeFile(path, text)
          await runProgram('sh', ['-c', 'promtool check metrics < "$1"', 'sh', path])
          told += text
        }
        const asked = namesIn(`${await readFile(deploy('prometheus/alerts.yml'), 'utf8')} ${(await boardQueries()).join(' ')}`)
        const missing = asked.filter(name => !told.includes(`# TYPE ${name.replace(/_bucket$/, '')} `))
        expect(missing).toEqual([])
      } finally {
        await house.stop()
      }
    },
  )

  it.skipIf(withoutPromtool !== undefined)('alert rules, configuration and the board: every query is understood', async () => {
    await runProgram('promtool', ['check', 'config', deploy('prometheus/prometheus.yml')])
    const rules = (await boardQueries()).map((expr, index) => ({ record: `board:query:${index}`, expr }))
    const path = join(root, 'board.yml')
    await writeFile(path, JSON.stringify({ groups: [{ name: 'board', rules }] }))
    await runProgram('promtool', ['check', 'rules', path])
  })

  it.skipIf(withoutSystemd !== undefined)('the systemd unit: is understood, and leaves little open', async () => {
    const unit = await readFile(deploy('systemd/evastream.service'), 'utf8')
    const path = join(root, 'evastream.service')
    // What it runs need not be installed here.
    await writeFile(path, unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true').replace(/^Documentation=.*$/m, ''))
    const { stderr } = await runProgram('systemd-analyze', ['verify', '--man=no', path])
    expect(stderr.split('\n').filter(line => line.includes('evastream.service'))).toEqual([])
    await runProgram('systemd-analyze', ['security', '--offline=true', '--threshold=30', path])
  })

  it.skipIf(withoutCompose !== undefined)('compose file: is understood, and asks where the music is', async () => {
    const words = ['-f', deploy('docker/compose.yml'), 'config']
    const { stdout } = await runProgram('docker-compose', words, { ...process.env, MUSIC: '/srv/music' })
    expect(String(stdout)).toContain('/srv/music:/music:ro')
    const { MUSIC: _music, ...bare } = process.env
    await expect(runProgram('docker-compose', words, bare)).rejects.toMatchObject({
      details: { reason: expect.stringContaining('say where the music is') },
    })
  })
})
