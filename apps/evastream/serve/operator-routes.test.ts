// Checks how long a body may take on its way, over real sockets and with time that the test moves.
// Not the routes' work and not who may do what: tests/serve.test.ts asks a whole house.

import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addOperatorRoutes } from './operator-routes.ts'
import { UploadFiles } from './upload-files.ts'

const TOKEN = 'the-token'
const LIMIT_MS = 120_000
const unused = () => {
  throw new EvaError('EVA_INTERNAL')
}

let root = ''
let app: HttpApp
let clock = fakeClock()
const sockets: Socket[] = []

beforeEach(async () => {
  clock = fakeClock()
  root = await mkdtemp(join(tmpdir(), 'evastream-operator-'))
  const logger = createLogger({ name: 'test', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 't', version: '0' },
  )
  const uploads = await UploadFiles.open(root)
  const desk = { publish: unused, edit: unused }
  addOperatorRoutes(app, { desk, keeper: { adopt: unused, hide: unused, state: unused }, uploads, timers: clock }, { token: TOKEN })
  await app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await app.close()
  await rm(root, { recursive: true })
})

/** Sends a head, and of the body that it promises only the beginning. */
async function begin(line: string, token?: string) {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  sockets.push(socket.on('error', () => undefined))
  const state = { text: '', isClosed: false }
  socket.on('data', bytes => {
    state.text += String(bytes)
  })
  socket.on('close', () => {
    state.isClosed = true
  })
  await once(socket, 'connect')
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
  socket.write(`${line} HTTP/1.1\r\nhost: 127.0.0.1\r\n${authorization}content-type: audio/mpeg\r\ncontent-length: 1000\r\n\r\nabc`)
  return state
}

describe('operator routes: bodies that drip', () => {
  it.each([
    ['an upload without the token', 'POST /api/operator/songs?name=a.mp3', '401'],
    ['an act of nobody', 'PUT /api/nothing', '401'],
    ['a look that brings a body', 'GET /nothing', '404'],
  ])('%s: is answered at once, and its connection ends when its time is over', async (_, line, status) => {
    const state = await begin(line)
    await eventually('the answer', () => state.text !== '')
    expect(state.text.slice(9, 12)).toBe(status)
    clock.advance(LIMIT_MS - 1)
    expect(state.isClosed).toBe(false)
    clock.advance(1)
    await eventually('the end', () => state.isClosed)
  })

  it('an upload with the token: may take its time', async () => {
    const state = await begin('POST /api/operator/songs?name=a.mp3', TOKEN)
    await eventually('it has begun', async () => (await readdir(root)).length === 1)
    clock.advance(10 * LIMIT_MS)
    const other = await begin('GET /nothing')
    await eventually('the answer to another', () => other.text !== '')
    expect(state).toEqual({ text: '', isClosed: false })
  })
})
