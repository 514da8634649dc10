// Checks with a raw socket that each fault is on the wire what its name says.

import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seededBytes } from './audio-fixtures.ts'
import { type FaultyOrigin, type OriginFault, startFaultyOrigin } from './faulty-origin.ts'

const chunk = seededBytes(1, 1000)
const beats = new Set<() => void>()
const timers = {
  every(_intervalMs: number, run: () => void) {
    beats.add(run)
    return () => void beats.delete(run)
  },
}
const chunkOf = (songId: string, chunkId: number) => (songId === 'song-1' && chunkId === 0 ? chunk : undefined)

interface Wire {
  readonly head: string
  readonly body: Buffer
  readonly ending: 'end' | 'reset'
}

let origin: FaultyOrigin

beforeEach(async () => {
  origin = await startFaultyOrigin({ chunkOf, timers })
})

afterEach(() => origin.stop())

/** Sends one request and reads until the other side ends, or `enough` says that no more is expected. */
function ask(options: { path?: string; range?: string; enough?: (received: Buffer) => boolean } = {}): Promise<Wire> {
  const { path = '/chunk?songId=song-1&chunkId=0', range, enough = () => false } = options
  return new Promise(resolve => {
    let received = Buffer.alloc(0)
    const finish = (ending: Wire['ending']) => {
      const split = received.indexOf('\r\n\r\n')
      resolve({ head: received.subarray(0, Math.max(0, split)).toString(), body: received.subarray(split + 4), ending })
      socket.destroy()
    }
    const socket = connect(Number(new URL(origin.url).port), '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${range === undefined ? '' : `range: ${range}\r\n`}\r\n`)
    })
    socket.on('data', bytes => {
      received = Buffer.concat([received, bytes])
      if (enough(received)) finish('end')
    })
    socket.on('end', () => finish('end'))
    socket.on('error', () => finish('reset'))
  })
}

async function askWith(fault: OriginFault, range?: string): Promise<Wire> {
  origin.script(fault)
  return ask(range === undefined ? {} : { range })
}

describe('a faulty origin', () => {
  it('faulty origin: no fault: sends the chunk or the range of it and counts both', async () => {
    const whole = await ask()
    const part = await ask({ range: 'bytes=10-19' })
    expect(whole.head).toMatch(/^HTTP\/1.1 200 /)
    expect(whole.body.equals(chunk)).toBe(true)
    expect(part.head).toMatch(/^HTTP\/1.1 206 .*content-range: bytes 10-19\/1000/is)
    expect(part.body.equals(chunk.subarray(10, 20))).toBe(true)
    expect(origin.sentBytes).toBe(1010)
    expect(origin.requests.map(request => request.range)).toEqual([undefined, 'bytes=10-19'])
  })

  it('faulty origin: an unknown chunk or path: is 404', async () => {
    expect((await ask({ path: '/chunk?songId=song-1&chunkId=1' })).head).toMatch(/ 404 /)
    expect((await ask({ path: '/other' })).head).toMatch(/ 404 /)
    expect(origin.requests.length).toBe(1)
  })

  it('faulty origin: a status: is sent with its Retry-After, and once only', async () => {
    const refused = await askWith({ kind: 'status', status: 503, retryAfterSeconds: 7 })
    expect(refused.head).toMatch(/ 503 .*retry-after: 7/is)
    expect((await ask()).head).toMatch(/ 200 /)
  })

  it('faulty origin: truncate: promises all and ends early', async () => {
    const wire = await askWith({ kind: 'truncate', afterBytes: 300 })
    expect(wire.head).toMatch(/content-length: 1000/i)
    expect(wire.body.equals(chunk.subarray(0, 300))).toBe(true)
    expect(wire.ending).toBe('end')
    expect(origin.sentBytes).toBe(300)
  })

  it('faulty origin: wrong bytes: differ in exactly one place and leave the chunk itself alone', async () => {
    const { body } = await askWith({ kind: 'wrong-bytes', atByte: 5 })
    expect([...body].flatMap((byte, index) => (byte === chunk[index] ? [] : [index]))).toEqual([5])
    expect((await ask()).body.equals(chunk)).toBe(true)
  })

  it('faulty origin: a wrong length: is a well-formed answer of another length', async () => {
    const shorter = await askWith({ kind: 'wrong-length', deltaBytes: -1 }, 'bytes=0-99')
    const longer = await askWith({ kind: 'wrong-length', deltaBytes: 5 })
    expect([shorter.head, shorter.body.length]).toEqual([expect.stringMatching(/content-length: 99/i), 99])
    expect([longer.head, longer.body.length]).toEqual([expect.stringMatching(/content-length: 1005/i), 1005])
  })

  it('faulty origin: ignore-range: answers a range with 200 and everything', async () => {
    const wire = await askWith({ kind: 'ignore-range' }, 'bytes=0-99')
    expect(wire.head).toMatch(/ 200 /)
    expect(wire.body.length).toBe(1000)
  })

  it('faulty origin: reset: breaks the connection before the status, or after so many bytes', async () => {
    const early = await askWith({ kind: 'reset' })
    const late = await askWith({ kind: 'reset', afterBytes: 200 })
    expect([early.head, early.ending]).toEqual(['', 'reset'])
    expect(late.body.length).toBeLessThanOrEqual(200)
    expect(origin.sentBytes).toBe(200)
  })

  it('faulty origin: hang: sends so many bytes, then nothing until it is stopped', async () => {
    origin.script({ kind: 'hang', afterBytes: 200 })
    let isHalfThere = () => {}
    const halfThere = new Promise<void>(resolve => {
      isHalfThere = resolve
    })
    const answer = ask({
      enough: received => {
        if (received.length - received.indexOf('\r\n\r\n') - 4 === 200) isHalfThere()
        return false
      },
    })
    await halfThere
    await origin.stop()
    expect((await answer).body.equals(chunk.subarray(0, 200))).toBe(true)
  })

  it('faulty origin: drip: sends one slice at each beat of its timer', async () => {
    origin.script({ kind: 'drip', sliceBytes: 400, everyMs: 10 })
    const sentBytes: number[] = []
    const answer = ask({
      enough: received => {
        // Each arrival of bytes lets the next slice go: what was received never runs ahead of the beats.
        sentBytes.push(origin.sentBytes)
        for (const beat of beats) beat()
        return received.subarray(received.indexOf('\r\n\r\n') + 4).length === 1000
      },
    })
    expect((await answer).body.equals(chunk)).toBe(true)
    expect(sentBytes).toEqual([0, 400, 800, 1000])
    expect(beats.size).toBe(0)
  })

  it('faulty origin: otherwise: covers what no script does, by the request if asked', async () => {
    origin.otherwise(request => (request.range === undefined ? { kind: 'status', status: 500 } : { kind: 'ok' }))
    origin.script({ kind: 'ok' })
    expect((await ask()).head).toMatch(/ 200 /)
    expect((await ask()).head).toMatch(/ 500 /)
    expect((await ask({ range: 'bytes=0-0' })).head).toMatch(/ 206 /)
  })

  it('faulty origin: stopped and restarted: refuses connections, then serves on the same port', async () => {
    const { url } = origin
    await origin.stop()
    expect(await ask()).toMatchObject({ head: '', ending: 'reset' })
    await origin.restart()
    expect(origin.url).toBe(url)
    expect((await ask()).head).toMatch(/ 200 /)
  })
})
