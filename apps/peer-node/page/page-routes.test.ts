import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePeerId } from '@evastream/core/ids'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pageAbout } from './page-host.ts'
import { addPageRoutes } from './page-routes.ts'

let directory: string
let app: HttpApp

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-page-'))
  await mkdir(join(directory, 'page/assets'), { recursive: true })
  await writeFile(join(directory, 'page/index.html'), '<!doctype html><title>EvaStream</title>')
  await writeFile(join(directory, 'page/assets/index-abc.js'), 'export {}')
  await writeFile(join(directory, 'secret.txt'), 'secret')
})

afterEach(async () => {
  await app.close()
  await rm(directory, { recursive: true })
})

async function open(pageDirectory: string | undefined) {
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  await addPageRoutes(app, { about: () => pageAbout(parsePeerId('p'), { about: { isDemo: true } }), pageDirectory })
}

describe('page routes', () => {
  it('the page: is served at / with a policy that allows its own files only, and is asked for anew each time', async () => {
    await open(join(directory, 'page'))
    const reply = await app.inject('/')
    expect([reply.statusCode, reply.headers['content-type'], reply.headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-cache',
    ])
    const policy = String(reply.headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).not.toMatch(/unsafe|upgrade-insecure-requests|https?:|\*/)
    expect(reply.headers['x-content-type-options']).toBe('nosniff')
    expect((await app.inject('/index.html')).body).toBe(reply.body)
  })

  it('files named by their content: are kept for ever', async () => {
    await open(join(directory, 'page'))
    const reply = await app.inject('/assets/index-abc.js')
    expect([reply.statusCode, reply.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable'])
    expect(reply.headers['content-type']).toMatch(/javascript/)
  })

  it('HEAD: of a file: has the headers of GET, and no body', async () => {
    await open(join(directory, 'page'))
    const [head, get] = [await app.inject({ method: 'HEAD', url: '/' }), await app.inject('/')]
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', String(get.body.length)])
    for (const name of ['content-type', 'cache-control', 'content-security-policy', 'etag'])
      expect(head.headers[name]).toBe(get.headers[name])
  })

  it('a page that the browser has: is not sent again, until it is another', async () => {
    await open(join(directory, 'page'))
    const etag = String((await app.inject('/')).headers.etag)
    const ask = () => app.inject({ url: '/', headers: { 'if-none-match': etag } })
    const known = await ask()
    expect([known.statusCode, known.body, known.headers['cache-control'], known.headers.etag]).toEqual([304, '', 'no-cache', etag])
    await writeFile(join(directory, 'page/index.html'), '<!doctype html><title>Another EvaStream</title>')
    const changed = await ask()
    expect([changed.statusCode, changed.body]).toEqual([200, '<!doctype html><title>Another EvaStream</title>'])
  })

  it.each(['/../secret.txt', '/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/assets/no.js', '/assets', '/assets/', '/index.html/'])(
    '%s: is no file of the page',
    async url => {
      await open(join(directory, 'page'))
      const reply = await app.inject(url)
      expect([reply.statusCode, reply.headers['cache-control']]).toEqual([404, 'no-store'])
      expect(reply.body).not.toContain('secret.txt is')
    },
  )

  it('a page that was not built: says so', async () => {
    await open(undefined)
    expect((await app.inject('/')).json()).toMatchObject({ status: 404, code: 'EVA_PAGE_NOT_BUILT' })
  })

  it('/api/about: says who serves the page, with what its host adds', async () => {
    await open(undefined)
    expect((await app.inject('/api/about')).json()).toEqual({
      servedBy: 'peer',
      version: expect.any(String),
      peerId: 'p',
      isDemo: true,
      operator: null,
      pricePerGb: null,
      hasHistory: false,
    })
  })
})
