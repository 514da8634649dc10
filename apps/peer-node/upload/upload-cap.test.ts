// The cap per period: what it admits, what it remembers, and how the calendar renews it.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { keptLog } from '@evastream/testkit/kept-log'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byteQuotaOf } from './quota-period.ts'
import { UploadCap, type UploadCapDeps } from './upload-cap.ts'
import { UploadUsageFile } from './upload-usage-file.ts'

const MORNING = Date.parse('2026-11-23T08:00:00.000Z')
const MIDNIGHT = '2026-11-24T00:00:00.000Z'
const BLOCK = 16_404

let directory = ''
let now = MORNING

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-cap-'))
  now = MORNING
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function aCap(text: string, deps: Partial<UploadCapDeps> = {}) {
  const { lines, log } = keptLog()
  const quota = byteQuotaOf(text) ?? { limitBytes: 0, unit: 'day' as const }
  const cap = await UploadCap.open({ wallClock: { epochMs: () => now }, file: new UploadUsageFile({ directory }), log, ...deps }, quota)
  const send = (sizeBytes: number): boolean => {
    if (!cap.admits(sizeBytes)) return false
    cap.spent(sizeBytes)
    return true
  }
  return { cap, lines, send }
}

/** Sends blocks until no more are admitted. @returns the bytes sent. */
function exhaust(send: (sizeBytes: number) => boolean): number {
  let sent = 0
  while (send(BLOCK)) sent += BLOCK
  return sent
}

describe('upload cap', () => {
  it('upload cap: as many frames as fit: are admitted, then none until the period ends, and one line says so', async () => {
    const { cap, lines, send } = await aCap('1M/day')
    const sent = exhaust(send)
    expect(sent).toBe(60 * BLOCK)
    expect([send(1), cap.closedForMs()]).toEqual([false, 16 * 3_600_000])
    expect(cap.status()).toEqual({ limitBytes: 1e6, usedBytes: sent, resetsAt: MIDNIGHT })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`nothing more is uploaded until ${MIDNIGHT}`)
    now = Date.parse(MIDNIGHT) - 1
    expect(send(BLOCK)).toBe(false)
    now++
    expect([cap.closedForMs(), send(BLOCK)]).toEqual([0, true])
    expect(cap.status()).toEqual({ limitBytes: 1e6, usedBytes: BLOCK, resetsAt: '2026-11-25T00:00:00.000Z' })
    expect(lines[1]).toContain('uploads go on')
    cap.close()
  })

  it('upload cap: a clean restart: the exact figure is back, in the same period and not in the next', async () => {
    const first = await aCap('1M/day')
    first.send(300_000)
    first.cap.close()
    expect((await aCap('1M/day')).cap.status()).toMatchObject({ usedBytes: 300_000 })
    now = Date.parse(MIDNIGHT)
    expect((await aCap('1M/day')).cap.status()).toMatchObject({ usedBytes: 0 })
  })

  it('upload cap: reached, and started again: nothing more is admitted', async () => {
    const first = await aCap('1M/day')
    exhaust(first.send)
    first.cap.close()
    expect(exhaust((await aCap('1M/day')).send)).toBe(0)
  })

  it('upload cap: a crash at any moment: no byte is forgotten, and at most a hundredth of the cap is counted too much', async () => {
    const written: number[] = []
    const file = { read: async () => undefined, write: ({ usedBytes }: { usedBytes: number }) => void written.push(usedBytes) }
    const { send } = await aCap('100M/day', { file })
    let sent = 0
    while (send(BLOCK)) {
      sent += BLOCK
      expect(written.at(-1)).toBeGreaterThanOrEqual(sent)
      expect(written.at(-1)).toBeLessThanOrEqual(Math.min(100e6, sent + 1e6))
    }
    expect(written.length).toBeLessThan(250)
  })

  it('upload cap: nothing sent: nothing is written', async () => {
    const { cap } = await aCap('1M/day')
    cap.close()
    expect(await readdir(directory)).toEqual([])
  })

  it('upload cap: a disk that refuses: one line, and the cap holds in this process', async () => {
    const write = () => {
      throw new EvaError('EVA_STORAGE_FULL')
    }
    const { cap, lines, send } = await aCap('1M/day', { file: { read: async () => undefined, write } })
    expect(exhaust(send)).toBe(60 * BLOCK)
    cap.close()
    expect(lines.filter(line => line.startsWith('warn'))).toHaveLength(1)
  })

  it.each([
    ['{"usedBytes":'],
    ['null'],
    ['{"startsAtMs":1,"endsAtMs":0,"usedBytes":5}'],
    ['{"startsAtMs":0,"endsAtMs":1e15,"usedBytes":-5}'],
  ])('upload cap: a file that says %s: counting starts anew', async text => {
    await writeFile(join(directory, 'upload-usage.json'), text)
    expect((await aCap('1M/day')).cap.status()).toMatchObject({ usedBytes: 0 })
  })

  it('upload cap: another period is chosen: what was sent within it still counts', async () => {
    const first = await aCap('1M/hour')
    first.send(300_000)
    first.cap.close()
    expect(JSON.parse(await readFile(join(directory, 'upload-usage.json'), 'utf8'))).toMatchObject({ usedBytes: 300_000 })
    expect((await aCap('1M/day')).cap.status()).toMatchObject({ usedBytes: 300_000 })
    now += 3_600_000
    expect((await aCap('1M/hour')).cap.status()).toMatchObject({ usedBytes: 0 })
  })

  it('upload cap: the clock of the machine is put back a little, and a lot: the count stays, and starts anew', async () => {
    const { cap, send } = await aCap('1M/day')
    send(300_000)
    now -= 9 * 3_600_000
    expect(cap.status()).toEqual({ limitBytes: 1e6, usedBytes: 300_000, resetsAt: MIDNIGHT })
    now -= 48 * 3_600_000
    expect(cap.status()).toEqual({ limitBytes: 1e6, usedBytes: 0, resetsAt: '2026-11-21T00:00:00.000Z' })
    cap.close()
  })
})
