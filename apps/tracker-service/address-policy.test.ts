import { parseAddressRange } from '@evastream/core/address'
import { describe, expect, it } from 'vitest'
import { judgeAddress } from './address-policy.ts'

const ranges = ['10.1.0.0/16', '2001:db8::/32', '100.64.7.0/24'].flatMap(text => parseAddressRange(text) ?? [])

describe('judgeAddress', () => {
  it.each([
    ['203.0.113.9', undefined, undefined],
    ['192.0.0.8', undefined, undefined],
    ['8.8.4.4', undefined, '8.8.4.4'],
    ['::ffff:8.8.4.4', undefined, '8.8.4.4'],
    ['8.8.4.4', '8.8.4.4', '8.8.4.4'],
    ['8.8.4.4', '8.8.8.8', undefined],
    ['8.8.4.4', '127.0.0.1', undefined],
    ['8.8.4.4', '10.1.2.3', '10.1.2.3'],
    ['8.8.4.4', '10.2.2.3', undefined],
    ['10.1.9.9', '100.64.7.200', '100.64.7.200'],
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['127.0.0.1', '192.168.1.5', '192.168.1.5'],
    ['::1', '8.8.8.8', '8.8.8.8'],
    ['127.0.0.1', '169.254.169.254', undefined],
    ['127.0.0.1', '0.0.0.0', undefined],
    ['127.0.0.1', '127.1', undefined],
    ['127.0.0.1', '2130706433', undefined],
    ['127.0.0.1', 'localhost', undefined],
    ['127.0.0.1', '../../etc/passwd', undefined],
    ['169.254.1.1', undefined, undefined],
    [undefined, '10.1.2.3', undefined],
  ])('from %s claiming %s: %s', (remoteAddress, claimedHost, expected) => {
    const judge = () => judgeAddress({ remoteAddress, claimedHost }, ranges)
    if (expected === undefined) expect(judge).toThrow(expect.objectContaining({ code: 'EVA_HOST_NOT_ALLOWED' }))
    else expect(judge().host).toBe(expected)
  })

  it('a claim that counts: leaves the observed address what it is', () => {
    expect(judgeAddress({ remoteAddress: '127.0.0.1', claimedHost: '10.1.2.3' }, [])).toEqual({
      observedHost: '127.0.0.1',
      host: '10.1.2.3',
    })
  })
})
