// Checks the sender by itself: its buffers are used again, nothing is left on the connection, and nobody is answered in vain.

import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { StoredFile } from './chunk-storage.ts'
import { FileSender, type SendOutcome, type SendRequest } from './file-sender.ts'

const bytes = seededBytes(1, 700_000)

interface Target {
  readonly buffers: Set<ArrayBufferLike>
  readonly file: StoredFile
}

function storedFile(beforeRead: () => Promise<void> = async () => {}): Target {
  const buffers = new Set<ArrayBufferLike>()
  return {
    buffers,
    file: {
      sizeBytes: bytes.length,
      mimeType: 'x/y',
      entityTag: '"x"',
      async read(target, position) {
        await beforeRead()
        buffers.add(target.buffer)
        target.set(bytes.subarray(position, position + target.length))
      },
      close: () => {},
    },
  }
}

async function serve(
  handle: (incoming: IncomingMessage, response: ServerResponse) => void,
): Promise<(options?: { agent?: Agent; path?: string }) => Promise<Buffer>> {
  const server = createServer(handle)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return (options = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = request({ port, host: '127.0.0.1', ...options }, incoming => {
        const parts: Buffer[] = []
        incoming.on('data', part => parts.push(part))
        incoming.on('end', () => resolve(Buffer.concat(parts)))
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
}

const sent = async (sender: FileSender, request: Omit<SendRequest, 'done'>): Promise<string> =>
  (await new Promise<SendOutcome>(resolve => sender.send({ ...request, done: resolve }))).kind

describe('the file sender', () => {
  it('file sender: many files, one after another: go through one buffer and leave nothing on the connection', async () => {
    const sender = new FileSender()
    const { file, buffers } = storedFile()
    const listeners = new Set<number>()
    const outcomes: Promise<string>[] = []
    const ask = await serve((incoming, response) => {
      listeners.add(incoming.socket.listenerCount('close'))
      const begin = () => response.writeHead(200, { 'content-length': bytes.length })
      outcomes.push(sent(sender, { socket: incoming.socket, file, firstByte: 0, lengthBytes: bytes.length, begin, onSent: () => {} }))
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    for (let turn = 0; turn < 12; turn++) {
      expect((await ask({ agent })).equals(bytes)).toBe(true)
      await Promise.all(outcomes)
    }
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['sent']))
    expect(buffers.size).toBe(1)
    expect(listeners.size).toBe(1)
  })

  it('file sender: several files at once: never share a buffer', async () => {
    const sender = new FileSender()
    const ask = await serve((incoming, response) => {
      const content = bytes.map(byte => byte ^ Number(incoming.url?.slice(1)))
      const file: StoredFile = {
        ...storedFile().file,
        async read(target, position) {
          target.set(content.subarray(position, position + target.length))
          await new Promise(resolve => setImmediate(resolve))
        },
      }
      const begin = () => response.writeHead(200, { 'content-length': bytes.length })
      void sent(sender, { socket: incoming.socket, file, firstByte: 0, lengthBytes: bytes.length, begin, onSent: () => {} })
    })
    const bodies = await Promise.all([1, 2, 3, 4, 5, 6].map(mask => ask({ path: `/${mask}` })))
    for (const [index, body] of bodies.entries()) expect(body.equals(bytes.map(byte => byte ^ (index + 1)))).toBe(true)
  })

  it('file sender: a client that is gone before the first byte was read: is not answered', async () => {
    const sender = new FileSender()
    let hasBegun = false
    let tell = (_outcome: Promise<string>): void => {}
    const told = new Promise<string>(resolve => {
      tell = resolve
    })
    const ask = await serve((incoming, response) => {
      const { file } = storedFile(
        () =>
          new Promise(resolve => {
            incoming.socket.once('close', () => resolve())
            incoming.socket.destroy()
          }),
      )
      const begin = () => {
        hasBegun = true
        return response.writeHead(200)
      }
      tell(sent(sender, { socket: incoming.socket, file, firstByte: 0, lengthBytes: 10, begin, onSent: () => {} }))
    })
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await told).toBe('client-gone')
    expect(hasBegun).toBe(false)
  })
})
