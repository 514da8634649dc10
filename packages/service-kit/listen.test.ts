// Checks what is said when a port or address cannot be had, and what address is told when it can.

import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { listen, listenError } from './listen.ts'
import { describePortHolder } from './port-holder.ts'

function rawApp() {
  const server = createServer()
  const listenTo = ({ host, port }: { host: string; port: number }) =>
    new Promise<string>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve(''))
    })
  return { server, listen: listenTo }
}

describe('listen', () => {
  const open: Server[] = []
  const app = () => {
    const made = rawApp()
    open.push(made.server)
    return made
  }
  afterEach(() => {
    for (const server of open.splice(0)) server.close()
  })

  it('port 0: gives the real port and a URL that names it', async () => {
    const { url, port } = await listen(app(), { host: '127.0.0.1', port: 0, portFlag: '--port' })
    expect(port).toBeGreaterThan(0)
    expect(url).toBe(`http://127.0.0.1:${port}`)
  })

  it('every address: is told as loopback, where this machine reaches it', async () => {
    const { url, port } = await listen(app(), { host: '0.0.0.0', port: 0, portFlag: '--port' })
    expect(url).toBe(`http://127.0.0.1:${port}`)
  })

  it('a taken port: names the port and the flag that changes it', async () => {
    const { port } = await listen(app(), { host: '127.0.0.1', port: 0, portFlag: '--port' })
    await expect(listen(app(), { host: '127.0.0.1', port, portFlag: '--http.port' })).rejects.toMatchObject({
      code: 'EVA_PORT_TAKEN',
      details: { port, flag: '--http.port' },
    })
  })

  it.skipIf(process.platform !== 'linux')('the holder of a port: on Linux: is a program and its process', async () => {
    const { port } = await listen(app(), { host: '127.0.0.1', port: 0, portFlag: '--port' })
    expect(await describePortHolder(port)).toMatch(new RegExp(`^ by .+ \\(process ${process.pid}\\)$`))
  })

  it('the holder of a free port: is nobody', async () => {
    const { port } = await listen(app(), { host: '127.0.0.1', port: 0, portFlag: '--port' })
    await new Promise(resolve => open.splice(0)[0]?.close(resolve))
    expect(await describePortHolder(port)).toBe('')
  })

  it('an address of another machine: is refused with its flag', async () => {
    await expect(listen(app(), { host: '192.0.2.1', port: 0, portFlag: '--port' })).rejects.toMatchObject({
      code: 'EVA_HOST_UNAVAILABLE',
      details: { host: '192.0.2.1', flag: '--host' },
    })
  })

  it.each([
    ['EACCES', 'EVA_PORT_FORBIDDEN'],
    ['EADDRNOTAVAIL', 'EVA_HOST_UNAVAILABLE'],
    ['ENOTFOUND', 'EVA_HOST_UNAVAILABLE'],
  ])('the system says %s: it is %s', async (errno, code) => {
    const cause = Object.assign(new TypeError('x'), { code: errno })
    expect(await listenError(cause, { host: 'h', port: 80, portFlag: '--port' })).toMatchObject({ code })
  })

  it('another failure: stays what it was', async () => {
    const cause = new TypeError('x')
    expect(await listenError(cause, { host: 'h', port: 80, portFlag: '--port' })).toBe(cause)
  })
})
