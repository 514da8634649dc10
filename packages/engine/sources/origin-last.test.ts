import { seededRandom } from '@evastream/core/random'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OriginPermit } from '../leases/origin-permits.ts'
import { originLast } from './origin-last.ts'
import type { Candidate, OriginStanding, SourceChoice, SourceFacts, Standing } from './source-selection.ts'

const policy = originLast({ urgentGraceMs: 250, overrideLeadMs: 500 })
const NOW = 10_000

function peer(name: string, standing: Standing, finishMs: number, retryAt = 0): Candidate {
  return { peerId: peerNamed(name), standing, finishMs, retryAt }
}

function origin(standing: Standing, finishMs = 300, retryAt = 0): OriginStanding {
  return { standing, finishMs, retryAt, permit: 'open', opensAt: 0, overrideFrom: 0, isBeingBrought: false }
}

function choose(changes: Partial<SourceFacts>, seed = 1): SourceChoice {
  const facts = { now: NOW, deadlineAt: undefined, candidates: [], origin: origin('free'), lookupUntil: 0, ...changes }
  return policy.choose(facts, seededRandom(seed))
}

const asks = (name: string) => ({ kind: 'ask', source: name === 'origin' ? { kind: 'origin' } : { kind: 'peer', peerId: name } })
const waits = (until?: number) => (until === undefined ? { kind: 'wait' } : { kind: 'wait', until })

describe('origin last: what is not urgent', () => {
  test('a peer is free: the peer, however slow', () => {
    expect(choose({ candidates: [peer('anna', 'free', 60_000)] })).toEqual(asks('anna'))
  })

  test('several are free: the one with the least predicted finish', () => {
    expect(choose({ candidates: [peer('anna', 'free', 900), peer('boris', 'free', 400), peer('clara', 'free', 700)] })).toEqual(
      asks('boris'),
    )
  })

  test('several would finish together: each is chosen about equally often', () => {
    const candidates = [peer('anna', 'free', 400), peer('boris', 'free', 400), peer('clara', 'free', 400)]
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 900; seed++) {
      const choice = choose({ candidates }, seed)
      const name = choice.kind === 'ask' && choice.source.kind === 'peer' ? choice.source.peerId : 'other'
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const name of ['anna', 'boris', 'clara']) expect(counts.get(name)).toBeGreaterThan(230)
  })

  test('all holders are full: wait for one of them', () => {
    expect(choose({ candidates: [peer('anna', 'full', 400), peer('boris', 'failed', 10)] })).toEqual(waits())
  })

  test('all holders are busy: wait until the first of them may be asked again', () => {
    const candidates = [peer('anna', 'busy', 400, NOW + 900), peer('boris', 'busy', 400, NOW + 500)]
    expect(choose({ candidates })).toEqual(waits(NOW + 500))
  })

  test('all holders failed: the origin', () => {
    expect(choose({ candidates: [peer('anna', 'failed', 10, NOW + 500)] })).toEqual(asks('origin'))
  })

  test('nobody holds it: the origin', () => {
    expect(choose({})).toEqual(asks('origin'))
  })

  test('nobody is known to hold it and the tracker is being asked: wait for its answer', () => {
    expect(choose({ lookupUntil: NOW + 300 })).toEqual(waits(NOW + 300))
  })

  test('all holders failed and the tracker is being asked: the origin, without waiting', () => {
    expect(choose({ candidates: [peer('anna', 'failed', 10, NOW + 500)], lookupUntil: NOW + 300 })).toEqual(asks('origin'))
  })
})

describe('origin last: the origin cannot be asked', () => {
  test('it failed and nobody holds the chunk: wait for it', () => {
    expect(choose({ origin: origin('failed', 300, NOW + 4000) })).toEqual(waits(NOW + 4000))
  })

  test('it failed and so did the holders: wait for whoever may be asked first', () => {
    const candidates = [peer('anna', 'failed', 10, NOW + 2500), peer('boris', 'failed', 10, NOW + 9000)]
    expect(choose({ candidates, origin: origin('failed', 300, NOW + 4000) })).toEqual(waits(NOW + 2500))
  })

  test('it is full: wait for a place', () => {
    expect(choose({ origin: origin('full') })).toEqual(waits())
  })

  test('it failed and a slow peer is there: the slow peer', () => {
    expect(choose({ candidates: [peer('anna', 'slow', 60_000)], origin: origin('failed', 300, NOW + 4000) })).toEqual(asks('anna'))
  })

  test('it is well and a slow peer is there: the origin', () => {
    expect(choose({ candidates: [peer('anna', 'slow', 60_000)] })).toEqual(asks('origin'))
  })

  test('a moment to wait for that has no number: only an event can help', () => {
    expect(choose({ candidates: [peer('anna', 'failed', 10, Number.POSITIVE_INFINITY)], origin: origin('full') })).toEqual(waits())
  })
})

describe('origin last: what is urgent', () => {
  test('a peer makes the deadline: the peer, though the origin would be sooner', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'free', 900)] })).toEqual(asks('anna'))
  })

  test('no peer makes the deadline and the origin would be sooner: the origin at once', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'free', 1100)] })).toEqual(asks('origin'))
  })

  test('no peer makes the deadline and the origin would be later still: the peer', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'free', 1100)], origin: origin('free', 1200) })).toEqual(asks('anna'))
  })

  test('no peer makes the deadline and the origin cannot be asked: the peer', () => {
    for (const standing of ['full', 'failed'] as const)
      expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'free', 1100)], origin: origin(standing, 10, NOW + 10) })).toEqual(
        asks('anna'),
      )
  })

  test('the deadline is past and a peer brings it within the grace: the peer', () => {
    expect(choose({ deadlineAt: NOW - 500, candidates: [peer('anna', 'free', 240)], origin: origin('free', 20) })).toEqual(asks('anna'))
  })

  test('all holders are full and one makes the deadline: wait, and look again when it cannot make it any more', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'full', 400)] })).toEqual(waits(NOW + 600))
  })

  test('all holders are full and none makes the deadline: the origin', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'full', 1100)] })).toEqual(asks('origin'))
  })

  test('a full holder is soon enough though the deadline is past: wait for it, without a moment to look again', () => {
    expect(choose({ deadlineAt: NOW - 1000, candidates: [peer('anna', 'full', 100)], origin: origin('free', 20) })).toEqual(waits())
  })

  test('all holders are busy, and will be until it is too late: the origin', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'busy', 400, NOW + 700)] })).toEqual(asks('origin'))
  })

  test('all holders are busy, and one can be asked again in time: wait for it', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'busy', 400, NOW + 300)] })).toEqual(waits(NOW + 300))
  })

  test('all holders are busy, and one can just be done in time if it is asked early: looked at again while it can', () => {
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'busy', 800, NOW + 200)] })).toEqual(waits(NOW + 200))
    expect(choose({ deadlineAt: NOW + 1000, candidates: [peer('anna', 'busy', 900, NOW + 400)], origin: origin('full') })).toEqual(
      waits(NOW + 100),
    )
  })

  test('of two busy ones: the one that would be done first decides', () => {
    const candidates = [peer('anna', 'busy', 900, NOW + 100), peer('boris', 'busy', 100, NOW + 300)]
    expect(choose({ deadlineAt: NOW + 500, candidates })).toEqual(waits(NOW + 300))
  })

  test('nobody is known to hold it and the tracker is being asked: wait for its answer all the same', () => {
    expect(choose({ deadlineAt: NOW + 1000, lookupUntil: NOW + 300 })).toEqual(waits(NOW + 300))
  })
})

describe('origin last: what peers bring late', () => {
  /** Asked without a permit for what is urgent. */
  const hurried = (changes: Partial<OriginStanding> = {}): OriginStanding => ({
    ...origin('free', 300),
    permit: 'none',
    opensAt: NOW + 9000,
    ...changes,
  })
  const LATE: readonly Candidate[][] = [[peer('anna', 'free', 9000)], [peer('anna', 'full', 9000)], [peer('anna', 'busy', 100, NOW + 9000)]]

  test('nobody brings the swarm more: the origin at once', () => {
    for (const candidates of LATE) expect(choose({ deadlineAt: NOW + 5000, candidates, origin: hurried() })).toEqual(asks('origin'))
  })

  test('the swarm is being brought more: the origin only so long before the deadline as twice what it needs and 100 ms', () => {
    for (const candidates of LATE) {
      const chosen = (leftMs: number) => choose({ deadlineAt: NOW + leftMs, candidates, origin: hurried({ isBeingBrought: true }) })
      expect(chosen(701)).not.toEqual(asks('origin'))
      expect(chosen(700)).toEqual(asks('origin'))
      expect(chosen(-100)).toEqual(asks('origin'))
    }
  })

  test('the swarm is being brought more, and overrides are allowed still later: not before that', () => {
    const chosen = (overrideFrom: number) =>
      choose({ deadlineAt: NOW + 600, candidates: [peer('anna', 'free', 9000)], origin: hurried({ isBeingBrought: true, overrideFrom }) })
    expect(chosen(NOW + 1)).toEqual(asks('anna'))
    expect(chosen(NOW)).toEqual(asks('origin'))
  })

  test('the swarm is being brought more, and who has it is full or busy, and late: looked at again when the origin may be asked', () => {
    for (const standing of ['full', 'busy'] as const) {
      const candidates = [peer('anna', standing, 9000, NOW + 5000)]
      const chosen = choose({ deadlineAt: NOW + 2000, candidates, origin: hurried({ isBeingBrought: true, finishMs: 300 }) })
      expect(chosen).toEqual(waits(NOW + 2000 - 2 * 300 - 100))
    }
  })

  test('the swarm is being brought more, and a peer makes the deadline after all: the peer', () => {
    expect(
      choose({ deadlineAt: NOW + 600, candidates: [peer('anna', 'free', 590)], origin: hurried({ isBeingBrought: true, finishMs: 20 }) }),
    ).toEqual(asks('anna'))
  })

  test('nobody has it: the origin, long before, whether the swarm is being brought more or not', () => {
    for (const isBeingBrought of [false, true]) {
      const chosen = (leftMs: number) => choose({ deadlineAt: NOW + leftMs, origin: hurried({ isBeingBrought }) })
      expect(chosen(1101)).toEqual(waits(NOW + 1))
      expect(chosen(1100)).toEqual(asks('origin'))
    }
  })
})

describe('origin last: whatever the facts', () => {
  const standing = fc.constantFrom<Standing>('free', 'full', 'busy', 'slow', 'failed')
  const finishMs = fc.integer({ min: 0, max: 5000 })
  const retryAt = fc.integer({ min: NOW - 1000, max: NOW + 5000 })
  const facts: fc.Arbitrary<SourceFacts> = fc.record({
    now: fc.constant(NOW),
    deadlineAt: fc.option(fc.integer({ min: NOW - 3000, max: NOW + 5000 }), { nil: undefined }),
    candidates: fc
      .array(fc.record({ standing, finishMs, retryAt }), { maxLength: 6 })
      .map(list => list.map((candidate, index) => ({ ...candidate, peerId: peerNamed(`peer-${index}`) }))),
    origin: fc.record({
      standing: fc.constantFrom<Standing>('free', 'full', 'failed'),
      finishMs,
      retryAt,
      permit: fc.constantFrom<OriginPermit>('leased', 'open', 'none'),
      opensAt: retryAt,
      overrideFrom: retryAt,
      isBeingBrought: fc.boolean(),
    }),
    lookupUntil: fc.constantFrom(0, NOW + 300),
  })
  const always = (check: (facts: SourceFacts, choice: SourceChoice) => void) =>
    fc.assert(
      fc.property(facts, fc.integer(), (given, seed) => check(given, policy.choose(given, seededRandom(seed)))),
      { seed: 1, numRuns: 1000 },
    )

  test('who is asked: is free, or slow when nobody else is', () => {
    always((given, choice) => {
      if (choice.kind !== 'ask') return
      const { source } = choice
      const asked = source.kind === 'origin' ? given.origin : given.candidates.find(({ peerId }) => peerId === source.peerId)
      expect(['free', 'slow']).toContain(asked?.standing)
      if (asked?.standing === 'slow') expect(given.candidates.some(candidate => candidate.standing === 'free')).toBe(false)
    })
  })

  test('not urgent, no lease, and a holder that has not failed and is not slow: never the origin', () => {
    always((given, choice) => {
      if (given.deadlineAt !== undefined || choice.kind !== 'ask' || choice.source.kind !== 'origin') return
      if (given.origin.permit === 'leased') return
      expect(given.candidates.every(candidate => candidate.standing === 'failed' || candidate.standing === 'slow')).toBe(true)
    })
  })

  test('somebody is free: somebody is asked, unless the tracker is worth waiting for', () => {
    always((given, choice) => {
      const isSomebodyFree = given.candidates.some(candidate => candidate.standing === 'free')
      if (isSomebodyFree) expect(choice.kind).toBe('ask')
      if (choice.kind === 'wait' && given.origin.standing === 'free' && given.origin.permit !== 'none')
        expect(
          given.lookupUntil > NOW || given.candidates.some(candidate => candidate.standing === 'full' || candidate.standing === 'busy'),
        ).toBe(true)
    })
  })

  test('not urgent and without a permit: never the origin', () => {
    always((given, choice) => {
      if (given.origin.permit !== 'none' || given.deadlineAt !== undefined || choice.kind !== 'ask') return
      expect(choice.source.kind).toBe('peer')
    })
  })

  test('without a permit, and before overrides are allowed: never the origin', () => {
    always((given, choice) => {
      if (given.origin.permit !== 'none' || given.origin.overrideFrom <= NOW || choice.kind !== 'ask') return
      expect(choice.source.kind).toBe('peer')
    })
  })

  test('a wait: never until a moment that is past', () => {
    always((_, choice) => {
      if (choice.kind === 'wait' && choice.until !== undefined) expect(choice.until).toBeGreaterThan(NOW)
    })
  })
})
