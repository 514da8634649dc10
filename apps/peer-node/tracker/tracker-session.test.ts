// The standing with the tracker, on a clock that the test moves: registering, beating, being forgotten, a tracker that is down.
// Not HTTP and not the announcing.
// Invariant: what is expected is the sequence of calls the tracker saw, and the lines a person would read.

import { EvaError } from '@evastream/core/errors'
import { parsePeerId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { describe, expect, it } from 'vitest'
import { type RegistrationRequest, TrackerSession } from './tracker-session.ts'

const peerId = parsePeerId('peer-1')
const down = () => new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 'tracker', url: 'u', reason: 'ECONNREFUSED' } })

class Stage {
  readonly clock = fakeClock(0)
  readonly log = new RecordedLog()
  readonly calls: string[] = []
  readonly requests: RegistrationRequest[] = []
  readonly told: string[] = []
  token: string | undefined
  /** Thrown by every call while set. */
  fault: EvaError | undefined
  bootId = 'life-1'
  readonly session: TrackerSession

  constructor() {
    this.session = new TrackerSession(
      {
        tracker: {
          register: request => this.#call('register', () => this.#register(request)),
          heartbeat: () => this.#call('heartbeat', () => ({ bootId: this.bootId })),
          deregister: () => this.#call('deregister', () => undefined),
        },
        tokens: {
          read: async () => this.token,
          write: async token => {
            this.token = token
          },
        },
        timers: this.clock,
        random: seededRandom(1),
        log: this.log,
        stats: () => ({ originBytes: 1, peerBytes: 2, sentBytes: 3, overrides: 0 }),
        registered: () => void this.told.push('registered'),
        forgotten: () => void this.told.push('forgotten'),
      },
      { peerId, port: 9001 },
    )
  }

  /** Moves time on in small steps, letting everybody have their turn after each. */
  async pass(durationMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += 100) {
      this.clock.advance(100)
      await settle()
    }
  }

  #register(request: RegistrationRequest) {
    this.requests.push(request)
    return { token: request.token ?? 'token-1', bootId: this.bootId, heartbeatIntervalMs: 10_000, observedHost: '127.0.0.1' }
  }

  async #call<T>(name: string, answer: () => T): Promise<T> {
    this.calls.push(name)
    if (this.fault !== undefined) throw this.fault
    return answer()
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

const traffic = { originBytes: 1, peerBytes: 2, sentBytes: 3 }

describe('tracker session', () => {
  it('a tracker that answers: registers once, keeps the token, beats every interval, and says goodbye', async () => {
    const stage = new Stage()
    await stage.session.start()
    expect(stage.requests).toEqual([{ peerId, port: 9001, traffic }])
    expect(stage.token).toBe('token-1')
    await stage.pass(35_000)
    await stage.session.stop()
    expect(stage.calls).toEqual(['register', 'heartbeat', 'heartbeat', 'heartbeat', 'deregister'])
    expect(stage.told).toEqual(['registered'])
    expect(stage.clock.pendingCount).toBe(0)
  })

  it('a token kept from an earlier life: is presented', async () => {
    const stage = new Stage()
    stage.token = 'of-before'
    await stage.session.start()
    expect(stage.requests).toEqual([{ peerId, port: 9001, token: 'of-before', traffic }])
    await stage.session.stop()
  })

  it.each(['EVA_PEER_ID_TAKEN', 'EVA_HOST_NOT_ALLOWED', 'EVA_ROUTE_NOT_FOUND'] as const)(
    'refused at the start with %s: the start fails',
    async code => {
      const stage = new Stage()
      stage.fault = new EvaError(code)
      await expect(stage.session.start()).rejects.toMatchObject({ code })
      await stage.session.stop()
      expect(stage.calls).toEqual(['register'])
    },
  )

  it('a tracker that is down at the start: one line, tries with growing pauses, and registers when it is back', async () => {
    const stage = new Stage()
    stage.fault = down()
    await stage.session.start()
    await stage.pass(120_000)
    const tries = stage.calls.length
    expect(tries).toBeGreaterThan(8)
    expect(tries).toBeLessThan(60)
    expect(stage.log.messages('warn')).toEqual([
      'Keeping in touch with the tracker: The tracker at u cannot be reached (ECONNREFUSED). It is tried again.',
    ])
    stage.fault = undefined
    await stage.pass(16_000)
    expect(stage.told).toEqual(['registered'])
    expect(stage.log.messages('info')).toEqual(['Keeping in touch with the tracker: it works again.'])
    await stage.session.stop()
  })

  it('a tracker that goes down midway: one line, and beats go on when it is back', async () => {
    const stage = new Stage()
    await stage.session.start()
    stage.fault = down()
    await stage.pass(60_000)
    stage.fault = undefined
    await stage.pass(25_000)
    expect(stage.log.messages('warn')).toHaveLength(1)
    expect(stage.told).toEqual(['registered'])
    await stage.session.stop()
  })

  it('forgotten by the tracker (404 to a beat): registers again at once, with its token', async () => {
    const stage = new Stage()
    await stage.session.start()
    stage.fault = new EvaError('EVA_PEER_UNKNOWN', { details: { peerId } })
    await stage.pass(9_900)
    stage.clock.advance(100)
    await Promise.resolve()
    await Promise.resolve()
    stage.fault = undefined
    await stage.pass(1_000)
    expect(stage.requests).toMatchObject([{ port: 9001 }, { token: 'token-1' }])
    expect(stage.told).toEqual(['registered', 'forgotten', 'registered'])
    await stage.session.stop()
  })

  it('another life of the tracker (a new boot id): registers again', async () => {
    const stage = new Stage()
    await stage.session.start()
    stage.bootId = 'life-2'
    await stage.pass(10_000)
    expect(stage.calls).toEqual(['register', 'heartbeat', 'register'])
    expect(stage.told).toEqual(['registered', 'forgotten', 'registered'])
    await stage.pass(10_000)
    expect(stage.calls.at(-1)).toBe('heartbeat')
    await stage.session.stop()
  })

  it('told by another part that it is forgotten: registers without waiting for the beat', async () => {
    const stage = new Stage()
    await stage.session.start()
    await stage.pass(1_000)
    stage.session.renew()
    await settle()
    expect(stage.calls).toEqual(['register', 'register'])
    await stage.session.stop()
  })

  it('a tracker that registers it and has forgotten it a moment later, for ever: is asked at growing pauses, and one line says so', async () => {
    const stage = new Stage()
    await stage.session.start()
    for (let moment = 0; moment < 600; moment++) {
      stage.session.renew()
      await stage.pass(100)
    }
    const registrations = stage.calls.filter(call => call === 'register').length
    expect(registrations).toBeGreaterThan(4)
    expect(registrations).toBeLessThan(15)
    expect(stage.log.messages('warn')).toEqual([expect.stringContaining('not registered')])
    await stage.pass(30_000)
    expect(stage.calls.at(-1)).toBe('heartbeat')
    expect(stage.log.messages('info')).toHaveLength(1)
    const before = stage.calls.length
    stage.session.renew()
    await settle()
    expect(stage.calls.slice(before)).toEqual(['register'])
    await stage.session.stop()
    expect(stage.clock.pendingCount).toBe(0)
  })

  it('an id lost to another while the tracker was away: tries on, and says so once', async () => {
    const stage = new Stage()
    stage.fault = down()
    await stage.session.start()
    stage.fault = new EvaError('EVA_PEER_ID_TAKEN', { details: { peerId } })
    await stage.pass(60_000)
    expect(stage.log.messages('warn')).toHaveLength(2)
    stage.fault = undefined
    await stage.pass(16_000)
    expect(stage.session.isRegistered).toBe(true)
    await stage.session.stop()
  })

  it('a tracker that does not take the goodbye: the stop is not held up, and nothing stays', async () => {
    const stage = new Stage()
    await stage.session.start()
    stage.fault = down()
    await stage.session.stop()
    expect(stage.calls.at(-1)).toBe('deregister')
    expect(stage.clock.pendingCount).toBe(0)
  })
})
