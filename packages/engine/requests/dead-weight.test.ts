import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { deadWeight } from './dead-weight.ts'

function asked() {
  const parts = new EngineParts()
  const song = parts.addSong()
  const first = parts.ask(song, fromPeer('anna'), { chunkId: 1 })
  const second = parts.ask(song, fromPeer('boris'), { chunkId: 2 })
  const urgent = parts.ask(song, fromOrigin, { chunkId: 0, deadlineAt: 500 })
  return { parts, first, second, urgent }
}

describe('dead weight', () => {
  test('all were asked a moment ago: none', () => {
    const { parts } = asked()
    parts.state.now = 999
    expect(deadWeight(parts.state)).toBeUndefined()
  })

  test('of one nothing came for a second: that one', () => {
    const { parts, first, second } = asked()
    parts.state.now = 600
    parts.desk.arrived(first, 100)
    parts.state.now = 1000
    expect(deadWeight(parts.state)).toBe(second)
  })

  test('several: the one that has been quiet for longest', () => {
    const { parts, first, second } = asked()
    parts.state.now = 100
    parts.desk.arrived(first, 100)
    parts.state.now = 5000
    expect(deadWeight(parts.state)).toBe(second)
  })

  test('what is about to be heard: never', () => {
    const { parts, first, second, urgent } = asked()
    for (const request of [first, second]) parts.desk.cancel(request, 'unwanted')
    parts.state.now = 60_000
    expect(parts.state.requests.get(urgent.requestId)).toBe(urgent)
    expect(deadWeight(parts.state)).toBeUndefined()
  })
})
