// The address rules, case by case: one row per spelling or range that has fooled somebody.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AddressScope, addressScope, isInRanges, mayDial, observedHost, parseAddressRange } from './address.ts'

const scopes: Readonly<Record<AddressScope, readonly string[]>> = {
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.254', '192.168.1.20', '100.64.0.1', 'fd00::1', 'fc12:3456::7'],
  public: ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1', '2a00:1450:4001:81b::200e'],
  forbidden: [
    // Other spellings of good addresses.
    ...['127.1', '0x7f.1', '2130706433', '0177.0.0.1', '010.0.0.1', '127.0.0.01', ' 127.0.0.1', '127.0.0.1 ', '127.0.0.1\n'],
    ...['0:0:0:0:0:0:0:1', '::0001', 'FD00::1', 'fd00:0:0:0:0:0:0:1', '2606:4700::0:1', '[::1]', '1.2.3', '1.2.3.256', '١٢٧.0.0.1'],
    // Addresses inside addresses.
    ...['::127.0.0.1', '::7f00:1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0:7f00:1', '64:ff9b::127.0.0.1', '64:ff9b::7f00:1'],
    ...['64:ff9b:1::7f00:1', '2002:7f00:1::', '2002:a00:1::1', '2001::1'],
    // Nobody's.
    ...['0.0.0.0', '0.1.2.3', '::', '::2', '1::', '4000::1', 'fe80::1', 'fe80::1%eth0', '::1%lo', 'fec0::1', 'ff02::1', '100::1'],
    ...['169.254.169.254', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.5'],
    ...['192.88.99.1', '192.0.0.8', '2001:db8::1', '2001:20::1', '3fff::1', '5f00::1'],
    // Names and nonsense.
    ...['localhost', 'example.org', '', '.', ':', ':::', '1.2.3.4:80', '1.2.3.4/8', '::1/128', 'a'.repeat(10_000)],
  ],
}

describe('addressScope', () => {
  for (const [scope, hosts] of Object.entries(scopes))
    for (const host of hosts) it(`address: ${JSON.stringify(host.slice(0, 40))}: is ${scope}`, () => expect(addressScope(host)).toBe(scope))

  it('address: any four-part decimal: has a scope, and with a leading zero it is forbidden', () => {
    const octet = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), ([a, b, c, d]) => {
        expect(['loopback', 'private', 'public', 'forbidden']).toContain(addressScope(`${a}.${b}.${c}.${d}`))
        expect(addressScope(`0${a}.${b}.${c}.${d}`)).toBe('forbidden')
        expect(addressScope(`::ffff:${a}.${b}.${c}.${d}`)).toBe('forbidden')
      }),
      { seed: 1 },
    )
  })

  it('address: any string: is judged without an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4Extended()), host => {
        addressScope(host)
        observedHost(host)
        parseAddressRange(host)
      }),
      { seed: 2 },
    )
  })
})

describe('observedHost', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['::FFFF:10.0.0.7', '10.0.0.7'],
    ['::1', '::1'],
    ['fe80::1%eth0', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('address: a socket that says %j: is listed as %j', (remoteAddress, host) => expect(observedHost(remoteAddress)).toBe(host))
})

describe('parseAddressRange', () => {
  it.each([
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10/8',
    '0x0a.0.0.0/8',
    'fd00::/129',
    'FD00::/8',
    'fd00::1/8',
    'x',
    '',
    '/8',
    '10.0.0.0/8/8',
  ])('address range: %j: is refused', text => expect(parseAddressRange(text)).toBeUndefined())

  const listed = ['10.0.0.0/8', '192.168.4.128/25', 'fd12:3400::/23', '203.0.114.9', '0.0.0.0/0'].map(text => {
    const range = parseAddressRange(text)
    expect(range, text).toBeDefined()
    return { text, range }
  })

  it.each([
    ['10.255.0.1', '10.0.0.0/8', true],
    ['11.0.0.1', '10.0.0.0/8', false],
    ['192.168.4.200', '192.168.4.128/25', true],
    ['192.168.4.127', '192.168.4.128/25', false],
    ['fd12:35ff::1', 'fd12:3400::/23', true],
    ['fd12:3600::1', 'fd12:3400::/23', false],
    ['203.0.114.9', '203.0.114.9', true],
    ['203.0.114.8', '203.0.114.9', false],
    ['8.8.8.8', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['169.254.169.254', '0.0.0.0/0', false],
    ['127.1', '0.0.0.0/0', false],
  ])('address range: %s in %s: %s', (host, text, expected) => {
    const range = listed.find(one => one.text === text)?.range
    expect(isInRanges(host, range === undefined ? [] : [range])).toBe(expected)
  })
})

describe('mayDial', () => {
  it.each([
    ['8.8.8.8', { loopback: true, private: true, public: true, forbidden: false }],
    ['10.0.0.1', { loopback: true, private: true, public: false, forbidden: false }],
    ['127.0.0.1', { loopback: true, private: false, public: false, forbidden: false }],
    ['169.254.169.254', { loopback: false, private: false, public: false, forbidden: false }],
    ['127.1', { loopback: false, private: false, public: false, forbidden: false }],
  ])('address: dialling %s: depends on where the tracker is', (host, expected) => {
    for (const [trackerScope, allowed] of Object.entries(expected) as [AddressScope, boolean][])
      expect(mayDial({ host, trackerScope }), trackerScope).toBe(allowed)
  })
})
