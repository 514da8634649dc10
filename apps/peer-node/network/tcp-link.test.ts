// TCP links: one write for all parts, and what a dialled socket tells, on real sockets.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { KIB } from '@evastream/core/units'
import { eventually } from '@evastream/testkit/eventually'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { acceptTcpLink, dialTcpLink } from './tcp-link.ts'

const deaf = { opened: () => undefined, received: () => undefined, drained: () => undefined, closed: () => undefined }

async function listening(onConnection: (socket: Socket) => void) {
  const server = createServer(onConnection).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

describe('TcpLink', () => {
  it('link: several parts: go out in one write', () => {
    const writes: number[] = []
    const socket = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(void writes.push(1)),
      writev: (chunks, done) => done(void writes.push(chunks.length)),
    })
    const link = acceptTcpLink(socket as Socket)
    link.listen(deaf)
    link.send(new Uint8Array(20), new Uint8Array(1000))
    expect(writes).toEqual([2])
  })

  it('link: a dialled one: what is sent in one turn goes out in one write, a goodbye before it is closed included', async () => {
    const received: Buffer[] = []
    const sockets: Socket[] = []
    const { server, port } = await listening(socket => sockets.push(socket.on('data', bytes => received.push(bytes))))
    const link = dialTcpLink({ host: '127.0.0.1', port })
    await new Promise<void>(resolve => link.listen({ ...deaf, opened: resolve }))
    link.send(Buffer.from('ack '))
    link.send(Buffer.from('request '))
    expect(link.bufferedBytes).toBe(12)
    await eventually('both came', () => Promise.resolve(received.length > 0))
    expect(received.map(String)).toEqual(['ack request '])
    link.send(Buffer.from('bye'))
    link.destroy()
    await eventually('the goodbye came', () => Promise.resolve(received.length > 1))
    expect(String(received[1])).toBe('bye')
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  it('link: a dialled one: tells that it opened, all bytes in order, and the end once', async () => {
    const { bytes } = songFixture({ fileSize: 2_000_000 })
    const { server, port } = await listening(socket => socket.end(bytes))
    const told: string[] = []
    const parts: Buffer[] = []
    const link = dialTcpLink({ host: '127.0.0.1', port })
    await new Promise<void>(resolve =>
      link.listen({
        opened: () => told.push(`opened ${link.remoteHost}`),
        received: part => parts.push(Buffer.from(part)),
        drained: () => told.push('drained'),
        closed: cause => {
          told.push(`closed ${String(cause)}`)
          resolve()
        },
      }),
    )
    expect(told).toEqual(['opened 127.0.0.1', 'closed undefined'])
    expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0)
    server.close()
  })

  it('link: an address where nobody listens: tells the reason', async () => {
    const { server, port } = await listening(() => undefined)
    server.close()
    await once(server, 'close')
    const cause = await new Promise(resolve => dialTcpLink({ host: '127.0.0.1', port }).listen({ ...deaf, closed: resolve }))
    expect(cause).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('link: the other side says no more while much waits for it to read: is closed at once', async () => {
    const { server, port } = await listening(
      socket =>
        void socket
          .pause()
          .on('error', () => undefined)
          .end(),
    )
    const link = dialTcpLink({ host: '127.0.0.1', port })
    await new Promise<void>(resolve => {
      link.listen({ ...deaf, opened: () => link.send(new Uint8Array(16_000 * KIB)), closed: () => resolve() })
    })
    server.close()
  })

  it('link: more than the network takes: is counted as waiting, then told as drained', async () => {
    let slow: Socket | undefined
    const { server, port } = await listening(socket => {
      slow = socket.pause()
    })
    const link = dialTcpLink({ host: '127.0.0.1', port })
    const drained = new Promise<void>(resolve => {
      link.listen({ ...deaf, opened: () => link.send(new Uint8Array(16_000 * KIB)), drained: resolve })
    })
    await once(server, 'connection')
    slow?.resume()
    await drained
    expect(link.bufferedBytes).toBe(0)
    link.destroy()
    link.send(new Uint8Array(5))
    expect(link.bufferedBytes).toBe(0)
    server.close()
  })
})
