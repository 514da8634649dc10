// Checks which requests may drive a loopback server, by Host, Origin and what a browser says of its page.

import { describe, expect, it } from 'vitest'
import { loopbackGuard } from './loopback-guard.ts'

const passes = async (headers: Record<string, string>, options = {}) => {
  await expect(loopbackGuard(options)({ headers })).resolves.toBeUndefined()
}
const refuses = async (headers: Record<string, string>, options = {}) => {
  await expect(loopbackGuard(options)({ headers })).rejects.toMatchObject({ code: 'EVA_ORIGIN_FORBIDDEN', httpStatus: 403 })
}

describe('loopback guard', () => {
  it.each(['127.0.0.1:8090', 'localhost:8090', 'LOCALHOST', '[::1]:8090', '127.0.0.1'])('Host %s: without a page: passes', async host => {
    await passes({ host })
  })

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.example:8090',
    '127.0.0.2:8090',
    '0.0.0.0:8090',
    '',
    '127.0.0.1:8090@evil',
    '10.0.0.1',
  ])('Host "%s": a rebound name or another address: is refused', async host => {
    await refuses({ host })
  })

  it('Origin: of our own page: passes; of another port, site or scheme: is refused', async () => {
    const host = '127.0.0.1:8090'
    await passes({ host, origin: 'http://127.0.0.1:8090' })
    await passes({ host, origin: 'HTTP://127.0.0.1:8090' })
    for (const origin of ['http://127.0.0.1:3000', 'http://localhost:8090', 'https://evil.example', 'null', '', 'file://'])
      await refuses({ host, origin })
  })

  it('lists: a host and an origin on them: pass', async () => {
    await passes({ host: 'player.lan:8090' }, { allowedHosts: ['player.lan:8090'] })
    await refuses({ host: 'player.lan:8091' }, { allowedHosts: ['player.lan:8090'] })
    await passes({ host: 'localhost:8090', origin: 'http://127.0.0.1:8081' }, { allowedOrigins: ['http://127.0.0.1:8081'] })
  })

  it('a page of another site: embedding us: is refused; linking to us: passes', async () => {
    const host = 'localhost:8090'
    await refuses({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })
    await passes({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })
    await passes({ host, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors' })
    await passes({ host, 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })
  })
})
