import { describe, expect, test } from 'vitest'
import { runCommand } from './loopback-town.ts'

describe('evastream config', () => {
  test('of no verb: lists every verb with its settings, and a token from the environment is told but not shown', async () => {
    const { exitCode, stdout } = await runCommand(['config', '--json'], {
      env: { EVASTREAM_ADMIN_TOKEN: 'hush', EVASTREAM_PEER__PORT: '9001' },
    })
    const listings = JSON.parse(stdout) as Record<string, { key: string; value: unknown; from: string }[]>
    expect(Object.keys(listings)).toEqual(['demo', 'serve', 'metadata', 'tracker', 'origin', 'preprocess', 'peer', 'get', 'play', 'status'])
    expect(listings.metadata).toContainEqual({ key: 'token', value: '(secret)', from: 'environment' })
    expect(listings.peer).toContainEqual({ key: 'peer.port', value: 9001, from: 'environment' })
    expect(stdout).not.toContain('hush')
    expect(exitCode).toBe(0)
  })

  test('a slip in a variable: exit code 2 and a suggestion', async () => {
    const outcome = await runCommand(['config', 'peer'], { env: { EVASTREAM_PEER__MAXUPLODS: '3' } })
    expect(outcome).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('did you mean EVASTREAM_PEER__MAXUPLOADS?') })
  })
})
