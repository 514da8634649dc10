// What an operator reads when the house opens, in each situation, and which address of the machine it is.

import type { networkInterfaces } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { House } from './house.ts'
import { lanAddress } from './lan-address.ts'
import { type WelcomeFacts, welcome } from './welcome.ts'

const services = { metadata: 'http://10.0.0.5:8081', tracker: 'http://10.0.0.5:8082', origin: 'http://10.0.0.5:8083' }
const house: House = {
  service: 'serve',
  url: 'http://10.0.0.5:8080',
  services,
  operatorToken: 'the-token',
  keepFolder: async () => undefined,
  close: async () => undefined,
}
const QR_LINE = /^[ █▀▄]{20,}$/m
const told = (facts: Partial<WelcomeFacts>): string =>
  welcome(house, { isLan: false, isFirstStart: false, isTerminal: false, dataDir: '/data', ...facts })

describe('welcome', () => {
  it('the addresses: of the page, for players, and how others join, each once', () => {
    const text = told({})
    for (const part of ['The page      http://10.0.0.5:8080\n', '/library.m3u8', ...Object.values(services)])
      expect([part, text.split(part).length - 1]).toEqual([part, 1])
  })

  it('the token: at the first start alone, with where it is kept', () => {
    expect(told({ isFirstStart: true })).toContain('shown this once: the-token\n  It is kept in /data/metadata/operator-token')
    expect(told({})).not.toContain('the-token')
    expect(told({ isLan: true })).not.toContain('the-token')
  })

  it('the QR code: where phones can reach it; the keys: on a terminal', () => {
    expect(told({ isLan: true })).toMatch(QR_LINE)
    expect(told({})).not.toMatch(QR_LINE)
    expect([told({ isTerminal: true }).includes('Keys: o'), told({}).includes('Keys: o')]).toEqual([true, false])
  })
})

describe('lan address', () => {
  const of = (address: string, internal = false) => [{ address, internal, family: 'IPv4' }]
  const machine = (interfaces: object) => lanAddress(interfaces as ReturnType<typeof networkInterfaces>)

  it('the private address of a real interface: before that of a bridge, never loopback or a public one', () => {
    expect(machine({ lo: of('127.0.0.1', true), docker0: of('172.17.0.1'), wlan0: of('192.168.1.20') })).toBe('192.168.1.20')
    expect(machine({ lo: of('127.0.0.1', true), 'br-1': of('172.18.0.1') })).toBe('172.18.0.1')
  })

  it('none: an error that says what to type', () => {
    expect(() => machine({ lo: of('127.0.0.1', true), eth0: of('203.0.113.9') })).toThrow(
      expect.objectContaining({ code: 'EVA_HOST_UNAVAILABLE' }),
    )
  })
})
