// Checks the life of a service process on a host and timers that a test holds in its hands.

import { EventEmitter } from 'node:events'
import { EvaError } from '@evastream/core/errors'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { createLogger } from './logger.ts'
import { type ProcessHost, type RunningService, runService } from './run-service.ts'

class FakeStream extends EventEmitter {
  text = ''
  write(text: string): void {
    this.text += text
  }
}

/** A process whose signals the test sends and whose exit it can await. */
class FakeHost extends EventEmitter implements ProcessHost {
  readonly stdout = new FakeStream()
  readonly stderr = new FakeStream()
  readonly exits: number[] = []
  exit(code: number): void {
    this.exits.push(code)
    this.emit('exited', code)
  }
  async exited(): Promise<number> {
    return this.exits[0] ?? (await new Promise<number>(resolve => this.once('exited', resolve)))
  }
}

interface Run {
  readonly host: FakeHost
  readonly clock: ReturnType<typeof fakeClock>
  readonly started: Promise<void>
}

function run(start: () => Promise<RunningService>, json = false): Run {
  const host = new FakeHost()
  const clock = fakeClock()
  const logger = createLogger({ name: 'metadata', json }, host)
  return { host, clock, started: runService({ service: 'metadata', json, logger, start }, host, clock) }
}

const service = (close: () => Promise<void> = async () => undefined): RunningService => ({
  service: 'metadata',
  url: 'http://127.0.0.1:1',
  close,
})
const never = <T>() => new Promise<T>(() => undefined)

describe('run service', () => {
  it('with --json: once it accepts: prints exactly one line first on stdout, then the log', async () => {
    const { host, started } = run(async () => service(), true)
    await started
    const [first, ...rest] = host.stdout.text.trim().split('\n')
    expect(JSON.parse(first ?? '')).toEqual({ service: 'metadata', url: 'http://127.0.0.1:1' })
    expect(rest.length).toBeGreaterThan(0)
    for (const line of rest) expect(JSON.parse(line)).toHaveProperty('msg')
    expect(host.exits).toEqual([])
  })

  it('without --json: once it accepts: says so on stderr and leaves stdout alone', async () => {
    const { host, started } = run(async () => service())
    await started
    expect(host.stdout.text).toBe('')
    expect(host.stderr.text).toContain('metadata is ready at http://127.0.0.1:1')
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s: while serving: closes once and exits with 0', async signal => {
    let closes = 0
    const { host, started } = run(async () =>
      service(async () => {
        closes++
      }),
    )
    await started
    host.emit(signal)
    expect(await host.exited()).toBe(0)
    expect(closes).toBe(1)
  })

  it('a signal: while it starts: closes as soon as it has started, and never says ready', async () => {
    let arrive: (running: RunningService) => void = () => undefined
    const { host, started } = run(() => new Promise(resolve => (arrive = resolve)), true)
    host.emit('SIGTERM')
    expect(host.exits).toEqual([])
    arrive(service())
    await started
    expect(await host.exited()).toBe(0)
    expect(host.stdout.text).toBe('')
  })

  it('a signal: when closing hangs: exits with 0 after ten seconds and not before', async () => {
    const { host, clock, started } = run(async () => service(never))
    await started
    host.emit('SIGTERM')
    clock.advance(9_999)
    expect(host.exits).toEqual([])
    clock.advance(1)
    expect(host.exits).toEqual([0])
  })

  it('a signal: when starting hangs: exits after ten seconds as well', async () => {
    const { host, clock } = run(() => never())
    host.emit('SIGINT')
    clock.advance(10_000)
    expect(host.exits).toEqual([0])
  })

  it('a second signal: exits at once, as interrupted', async () => {
    const { host, started } = run(async () => service(never))
    await started
    host.emit('SIGINT')
    host.emit('SIGINT')
    expect(host.exits).toEqual([130])
  })

  it.each([
    ['a usage error', new EvaError('EVA_USAGE', { details: { reason: 'The flag --x is not known.' } }), 2],
    ['a taken port', new EvaError('EVA_PORT_TAKEN', { details: { port: 1, flag: '--port' } }), 1],
    ['a bug', new TypeError('x is undefined'), 1],
  ])('a failed start: %s: leaves one message and its exit code', async (_what, thrown, code) => {
    const { host, started } = run(async () => {
      throw thrown
    })
    await started
    expect(host.exits).toEqual([code])
    expect(host.stderr.text).toMatch(/^evastream metadata: /)
    expect(host.stderr.text.trim().split('\n')).toHaveLength(2)
    expect(host.stderr.text).not.toContain('    at ')
  })

  it('a failed close: exits with 1 and says why', async () => {
    const { host, started } = run(async () =>
      service(async () => {
        throw new EvaError('EVA_STORAGE_FULL')
      }),
    )
    await started
    host.emit('SIGTERM')
    expect(await host.exited()).toBe(1)
    expect(host.stderr.text).toContain('The disk is full.')
  })

  it.each(['uncaughtException', 'unhandledRejection'])('%s: while serving: exits with 1 and a message', async event => {
    const { host, started } = run(async () => service())
    await started
    host.emit(event, new TypeError('forgotten'))
    expect(host.exits).toEqual([1])
    expect(host.stderr.text).toContain('forgotten')
  })

  it('a reader of stdout that went away: does not stop the service', async () => {
    const { host, started } = run(async () => service(), true)
    await started
    host.stdout.emit('error', Object.assign(new TypeError('write EPIPE'), { code: 'EPIPE' }))
    expect(host.exits).toEqual([])
  })
})
