// Checks that the version the program tells is the one the workspace has.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PROGRAM_VERSION } from './program-version.ts'

it('program version: compared with package.json: is the same', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect(PROGRAM_VERSION).toBe(version)
})
