import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { atExit } from './exit-acts.ts'

it('exit acts: a crowd of them: takes one listener of the process, and none once all are forgotten', () => {
  const before = process.listenerCount('exit')
  const forget = Array.from({ length: 20 }, () => atExit(() => undefined))
  expect(process.listenerCount('exit')).toBe(before + 1)
  for (const each of [...forget, ...forget]) each()
  expect(process.listenerCount('exit')).toBe(before)
})

it('exit acts: the process ends: each runs once, in their order, and none that was forgotten', () => {
  const script = `
    import { atExit } from ${JSON.stringify(join(import.meta.dirname, 'exit-acts.ts'))}
    const say = word => atExit(() => process.stdout.write(word))
    say('a ')
    const forget = say('b ')
    say('c ')
    forget()
    process.exit(3)`
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([3, 'a c '])
})
