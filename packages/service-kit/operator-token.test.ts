// Checks where the operator token comes from, how it is kept, and that it is compared whole.

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearerTokenOf, findOperatorToken, isSameToken, loadOrMakeOperatorToken, requireToken } from './operator-token.ts'

describe('operator token', () => {
  let dataDir = ''
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'evastream-token-'))
  })
  afterEach(async () => await rm(dataDir, { recursive: true }))

  it('first start: makes a token of 256 bits that only the owner can read, and keeps it', async () => {
    const token = await loadOrMakeOperatorToken({ dataDir, env: {} })
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const path = join(dataDir, 'operator-token')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe(`${token}\n`)
    expect(await loadOrMakeOperatorToken({ dataDir, env: {} })).toBe(token)
    expect(await findOperatorToken({ dataDir, env: {} })).toBe(token)
  })

  it('first starts at once: agree on one token and leave nothing else behind', async () => {
    const tokens = await Promise.all(Array.from({ length: 12 }, () => loadOrMakeOperatorToken({ dataDir, env: {} })))
    expect(new Set(tokens).size).toBe(1)
    expect(await readdir(dataDir)).toEqual(['operator-token'])
  })

  it('sources: flag over environment over token file over data directory', async () => {
    const tokenFile = join(dataDir, 'elsewhere')
    await writeFile(tokenFile, 'from-file\n')
    await writeFile(join(dataDir, 'operator-token'), 'from-directory\n')
    const all = { dataDir, token: 'from-flag', tokenFile, env: { EVASTREAM_ADMIN_TOKEN: 'from-environment' } }
    for (const find of [findOperatorToken, loadOrMakeOperatorToken]) {
      expect(await find(all)).toBe('from-flag')
      expect(await find({ ...all, token: undefined })).toBe('from-environment')
      expect(await find({ ...all, token: undefined, env: { EVASTREAM_ADMIN_TOKEN: '' } })).toBe('from-file')
      expect(await find({ dataDir, env: {} })).toBe('from-directory')
    }
  })

  it('a file that others may read: is closed to them', async () => {
    const path = join(dataDir, 'operator-token')
    await writeFile(path, 'kept\n')
    await chmod(path, 0o644)
    expect(await loadOrMakeOperatorToken({ dataDir, env: {} })).toBe('kept')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('nowhere: for a caller: is a missing token, and none is made', async () => {
    await expect(findOperatorToken({ dataDir, env: {} })).rejects.toMatchObject({ code: 'EVA_TOKEN_MISSING' })
    expect(await readdir(dataDir)).toEqual([])
  })

  it.each([
    ['an empty file', '\n'],
    ['two lines', 'a\nb'],
    ['a token with a space', 'a b'],
  ])('%s: is refused with its place', async (_what, content) => {
    await writeFile(join(dataDir, 'operator-token'), content)
    await expect(loadOrMakeOperatorToken({ dataDir, env: {} })).rejects.toMatchObject({ code: 'EVA_CONFIG_INVALID' })
  })

  it('a token file: missing or a directory: is refused naming --token-file', async () => {
    for (const tokenFile of [join(dataDir, 'nothing'), dataDir])
      await expect(findOperatorToken({ dataDir, tokenFile, env: {} })).rejects.toMatchObject({
        code: 'EVA_CONFIG_INVALID',
        details: { key: '--token-file' },
      })
  })

  it('comparison: only the same token: is the same', () => {
    expect(isSameToken('secret', 'secret')).toBe(true)
    for (const other of ['secreT', 'secret2', 'secre', '']) expect(isSameToken('secret', other)).toBe(false)
  })

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc ', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    [undefined, undefined],
  ])('the header "%s": carries %s', (authorization, token) => {
    expect(bearerTokenOf({ headers: authorization === undefined ? {} : { authorization } })).toBe(token)
  })

  it('the hook: no token, a wrong one, the right one: required, rejected, passed', async () => {
    const hook = requireToken('right')
    await expect(hook({ headers: {} })).rejects.toMatchObject({ code: 'EVA_TOKEN_REQUIRED' })
    await expect(hook({ headers: { authorization: 'Bearer wrong' } })).rejects.toMatchObject({ code: 'EVA_TOKEN_REJECTED' })
    await expect(hook({ headers: { authorization: 'Bearer right' } })).resolves.toBeUndefined()
  })
})
