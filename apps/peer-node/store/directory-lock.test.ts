// The lock of a directory: living holders keep it, dead ones do not, and of many takers one wins.
// Not the store on top of it; a holder in another real process is tested there.
// Invariant: no test depends on which taker wins, only on there being exactly one.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDirectory } from './directory-lock.ts'
import { lossless } from './storage-fault.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-lock-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('directory lock', () => {
  it('held: asked for again, also by the same process: refused until it is released', async () => {
    const lock = await lockDirectory(directory, '--data')
    await expect(lockDirectory(directory, '--data')).rejects.toMatchObject({ code: 'EVA_DIRECTORY_LOCKED' })
    await lock.release()
    await (await lockDirectory(directory, '--data')).release()
    expect(await readdir(directory)).toHaveLength(1)
  })

  it.each([
    ['a pid that is not there', JSON.stringify({ pid: 2 ** 22 + 1 })],
    ['a pid that another process got since', JSON.stringify({ pid: process.ppid, startedTicks: '1' })],
    ['a machine that was started anew since', JSON.stringify({ pid: process.ppid, bootId: 'another' })],
    ['nothing readable', '\0\0\0'],
    ['nothing at all', ''],
    ['a pid that is none', JSON.stringify({ pid: -1 })],
  ])('a lock that names %s: it is taken over', async (_name, content) => {
    await writeFile(join(directory, 'lock-7'), content)
    await lockDirectory(directory, '--data')
    expect(await readdir(directory)).toEqual(['lock-8'])
  })

  it('a lock of a living process: asked for: refused, naming the process', async () => {
    await writeFile(join(directory, 'lock-1'), JSON.stringify({ pid: process.ppid }))
    await expect(lockDirectory(directory, '--peer.id')).rejects.toMatchObject({
      details: { holder: ` (process ${process.ppid})`, flag: '--peer.id', path: directory },
    })
  })

  it('a dead lock: twenty takers at once, ten times over: exactly one gets it each time', async () => {
    await writeFile(join(directory, 'lock-3'), JSON.stringify({ pid: 2 ** 22 + 1 }))
    for (let time = 0; time < 10; time++) {
      const takers = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory, '--data')))
      const winners = takers.flatMap(taker => (taker.status === 'fulfilled' ? [taker.value] : []))
      expect(winners).toHaveLength(1)
      for (const taker of takers) if (taker.status === 'rejected') expect(taker.reason).toMatchObject({ code: 'EVA_DIRECTORY_LOCKED' })
      await winners[0]?.release()
    }
  })

  it('many takers that come and go: over and over: never two holders at once', async () => {
    let holderCount = 0
    let takenCount = 0
    const comeAndGo = async () => {
      while (takenCount < 40) {
        const lock = await lockDirectory(directory, '--data').catch(lossless)
        if (lock === undefined) continue
        expect(++holderCount).toBe(1)
        takenCount++
        await nextTurn()
        holderCount--
        await lock.release()
      }
    }
    await Promise.all(Array.from({ length: 12 }, comeAndGo))
    expect(takenCount).toBeGreaterThanOrEqual(40)
  })

  it('released: what is left: a file that names nobody', async () => {
    await (await lockDirectory(directory, '--data')).release()
    expect(await readFile(join(directory, 'lock-1'), 'utf8')).toBe('released\n')
  })
})
