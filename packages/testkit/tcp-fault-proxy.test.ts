// The proxy's own promises, with an echo server behind it: what it breaks, and above all what it does not.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from './eventually.ts'
import { songFixture } from './song-fixture.ts'
import { TcpFaultProxy, type TcpFaults } from './tcp-fault-proxy.ts'

describe('TcpFaultProxy', () => {
  let echo: Server
  let proxy: TcpFaultProxy
  const clients: Socket[] = []
  const { bytes } = songFixture({ fileSize: 3_000_000 })

  beforeEach(async () => {
    echo = createServer(socket => void socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    proxy = await TcpFaultProxy.start((echo.address() as AddressInfo).port)
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy()
    await proxy.close()
    echo.close()
  })

  async function dial(faults: TcpFaults = {}) {
    proxy.setFaults(faults)
    const socket = connect(proxy.port, '127.0.0.1')
    clients.push(socket)
    const parts: Buffer[] = []
    const end: { error?: string; isEnded?: true; isClosed?: true } = {}
    socket.on('data', part => parts.push(part))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end.error = String(error.code)
    })
    socket.on('end', () => {
      end.isEnded = true
    })
    socket.on('close', () => {
      end.isClosed = true
    })
    await once(socket, 'connect')
    const received = () => Buffer.concat(parts)
    return { socket, end, received, has: (size: number) => eventually(`${size} bytes`, () => received().length >= size && received()) }
  }

  it('proxy: no faults: every byte comes back, and the end too', async () => {
    const { socket, end, has } = await dial()
    socket.end(bytes)
    expect(Buffer.compare(await has(bytes.length), bytes)).toBe(0)
    await eventually('the end', () => end.isEnded)
    expect(proxy.acceptedCount).toBe(1)
  })

  it('proxy: latency and little bandwidth: every byte comes back, later', async () => {
    const { socket, has } = await dial({ toTarget: { latencyMs: 30 }, toClient: { bandwidthBytesPerSecond: 1_000_000 } })
    const startedAt = performance.now()
    socket.write(bytes.subarray(0, 100_000))
    expect(Buffer.compare(await has(100_000), bytes.subarray(0, 100_000))).toBe(0)
    expect(performance.now() - startedAt).toBeGreaterThan(120)
  })

  it('proxy: a stall after 1000 bytes: lets 1000 through, and the rest once it is healed', async () => {
    const { socket, received, has } = await dial({ toClient: { stallAfterBytes: 1000 } })
    socket.write(bytes.subarray(0, 5000))
    await has(1000)
    const other = await dial({ toClient: { stallAfterBytes: 1000 } })
    other.socket.write('x')
    await other.has(1)
    expect(received().length).toBe(1000)
    proxy.setFaults({})
    expect(Buffer.compare(await has(5000), bytes.subarray(0, 5000))).toBe(0)
  })

  it('proxy: a reset after 1000 bytes: the connection is gone, and nothing past them came', async () => {
    const { socket, end, received } = await dial({ toClient: { cutAfterBytes: 1000 } })
    socket.write(bytes.subarray(0, 5000))
    await eventually('the close', () => end.isClosed)
    expect(received().length).toBeLessThanOrEqual(1000)
  })

  it('proxy: an end after 1000 bytes: the client sees 1000 bytes and a clean end', async () => {
    const { socket, end, received } = await dial({ toClient: { cutAfterBytes: 1000, cut: 'fin' } })
    socket.write(bytes.subarray(0, 5000))
    await eventually('the end', () => end.isEnded)
    expect(received().length).toBe(1000)
    expect(end.error).toBeUndefined()
  })

  it('proxy: byte 70,000 corrupted: that byte and no other differs', async () => {
    const { socket, has } = await dial({ toTarget: { corruptByteAt: 70_000 } })
    socket.write(bytes.subarray(0, 100_000))
    const got = await has(100_000)
    expect([...got.entries()].filter(([index, byte]) => byte !== bytes[index])).toEqual([[70_000, (bytes[70_000] as number) ^ 0xff]])
  })

  it('proxy: one byte per interval: they come one by one', async () => {
    const { socket, has } = await dial({ toClient: { byteIntervalMs: 2 } })
    const sizes: number[] = []
    socket.on('data', part => sizes.push(part.length))
    socket.write(bytes.subarray(0, 20))
    expect(Buffer.compare(await has(20), bytes.subarray(0, 20))).toBe(0)
    expect(sizes.length).toBeGreaterThan(5)
  })

  it('proxy: mute: accepts, and the target hears nothing', async () => {
    let heard = 0
    echo.on('connection', () => heard++)
    const mute = await dial({ isMute: true })
    mute.socket.write('hello')
    const other = await dial()
    other.socket.write('x')
    await other.has(1)
    expect(heard).toBe(1)
    expect(mute.received().length).toBe(0)
    expect(proxy.acceptedCount).toBe(2)
  })

  it('proxy: cutAll: every connection is reset, and new ones are served', async () => {
    const first = await dial()
    first.socket.write('x')
    await first.has(1)
    proxy.cutAll()
    await eventually('the close', () => first.end.isClosed)
    const second = await dial()
    second.socket.write('y')
    await second.has(1)
  })
})
