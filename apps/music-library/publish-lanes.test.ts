// Checks the order and number of publications under way, with work that ends when the test says so.

import { describe, expect, it } from 'vitest'
import { PublishLanes } from './publish-lanes.ts'

const file = (path: string, mtimeMs = 1) => ({ path, sizeBytes: 1, mtimeMs })

function lanes(atOnceMax: number) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  let idleCount = 0
  const made = new PublishLanes({
    atOnceMax,
    work: ({ path, mtimeMs }) => {
      begun.push(`${path}@${mtimeMs}`)
      return new Promise(resolve => ends.set(path, resolve))
    },
    idle: () => void idleCount++,
  })
  const end = async (path: string) => {
    ends.get(path)?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { made, begun, end, idleCount: () => idleCount }
}

describe('publish lanes', () => {
  it('more files than lanes: a few at a time, then idle once', async () => {
    const { made, begun, end, idleCount } = lanes(2)
    made.replace(['a', 'b', 'c'].map(path => file(path)))
    expect([begun, made.pendingCount]).toEqual([['a@1', 'b@1'], 3])
    for (const path of ['a', 'b', 'c']) await end(path)
    expect([begun.length, made.pendingCount, idleCount()]).toEqual([3, 0, 1])
  })

  it('found again while it is worked on: not worked on twice; found changed: once more, after it', async () => {
    const { made, begun, end } = lanes(2)
    made.replace([file('a'), file('b')])
    made.replace([file('a'), file('b', 2)])
    await end('a')
    expect(begun).toEqual(['a@1', 'b@1'])
    await end('b')
    expect(begun).toEqual(['a@1', 'b@1', 'b@2'])
  })

  it('closed: what waits is not begun, what runs is waited for', async () => {
    const { made, begun, end } = lanes(1)
    made.replace([file('a'), file('b')])
    const closing = made.close()
    await end('a')
    await closing
    expect(begun).toEqual(['a@1'])
  })
})
