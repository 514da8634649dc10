// Checks the checks: what each lets through, and the words with which it refuses.

import { describe, expect, it } from 'vitest'
import { checkPort, checkServiceUrl, wholeNumber } from './option-checks.ts'

describe('option checks', () => {
  it.each([0, 1, 8081, 65_535])('a port: %d: passes', port => expect(checkPort(port)).toBeUndefined())

  it.each([-1, 65_536, 80.5, Number.NaN, '80', true])('a port: %s: is refused with its range', port => {
    expect(checkPort(port)).toBe('it is a whole number from 0 to 65535')
  })

  it('a whole number without an upper bound: zero below one: is refused', () => {
    expect(wholeNumber(1)(1)).toBeUndefined()
    expect(wholeNumber(1)(0)).toBe('it is a whole number from 1')
    expect(wholeNumber(1)(2 ** 53)).toBe('it is a whole number from 1')
  })

  it.each(['http://127.0.0.1:8081', 'https://music.example/base/', 'http://[::1]:1'])('a service address: %s: passes', url => {
    expect(checkServiceUrl(url)).toBeUndefined()
  })

  it.each(['127.0.0.1:8081', 'ftp://x', 'http://user:pass@x', 'http://x?y', 'http://x#y', 'http://', '', 'file:///etc/passwd'])(
    'a service address: "%s": is refused with an example',
    url => {
      expect(checkServiceUrl(url)).toBe('it is an address like http://127.0.0.1:8081')
    },
  )
})
