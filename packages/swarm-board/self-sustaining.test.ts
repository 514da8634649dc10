import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LISTENER_BYTES_MIN, SERVER_SHARE_MAX, selfSustainingAt, type TrafficPoint } from './self-sustaining.ts'

const MB = 1_000_000
const point = (atMs: number, serverMb: number, listenerMb: number): TrafficPoint => ({
  atMs,
  serverBytes: serverMb * MB,
  listenerBytes: listenerMb * MB,
})

/** As the words say it, in the most obvious way. */
function byTheWords(points: readonly TrafficPoint[]): number | undefined {
  return points.find(({ listenerBytes }, first) => {
    if (listenerBytes === 0) return false
    const rest = points.slice(first)
    let server = 0
    let listeners = 0
    const isNeverOver = rest.every(each => {
      server += each.serverBytes
      listeners += each.listenerBytes
      return server <= SERVER_SHARE_MAX * (server + listeners) + 1e-6
    })
    return isNeverOver && listeners >= LISTENER_BYTES_MIN
  })?.atMs
}

describe('the moment of self-sustenance', () => {
  it('a first copy from the server, then listeners: the moment is after the copy', () => {
    expect(selfSustainingAt([point(1, 8, 0), point(2, 2, 4), point(3, 0, 9), point(4, 0.5, 9)])).toBe(3)
  })

  it('a crowd for a new song later on: the moment is after it again', () => {
    expect(selfSustainingAt([point(1, 8, 0), point(2, 0, 9), point(3, 30, 5), point(4, 0, 9)])).toBe(4)
  })

  it.each([
    ['nothing flowed', [point(1, 0, 0)]],
    ['nothing at all', []],
    ['only the server', [point(1, 5, 0), point(2, 5, 0)]],
    ['hardly anything from listeners', [point(1, 0, 0.9)]],
    ['the server is the last to send', [point(1, 0, 5), point(2, 9, 0)]],
  ])('%s: there is none', (_, points) => {
    expect(selfSustainingAt(points)).toBeUndefined()
  })

  it('any traffic: is as the words say', () => {
    const megabytes = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 }))
    fc.assert(
      fc.property(fc.array(fc.tuple(megabytes, megabytes), { maxLength: 40 }), flows => {
        const points = flows.map(([server, listener], index) => point(index, server, listener))
        expect(selfSustainingAt(points)).toBe(byTheWords(points))
      }),
      { numRuns: 500 },
    )
  })
})
