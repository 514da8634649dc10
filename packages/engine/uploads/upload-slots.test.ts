// The order of service and its bound, without sockets.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PriorityClass } from '../commands.ts'
import { UploadSlots } from './upload-slots.ts'

interface Job {
  readonly name: string
  readonly priority: PriorityClass
  readonly owner: object
  isSent: boolean
  readonly owedBlocks: number
  isStuck: boolean
}

const alice = { name: 'alice' }
const bob = { name: 'bob' }
const carol = { name: 'carol' }

function job(name: string, priority: PriorityClass = 'prefetch', owner: object = alice, blocks = 8): Job {
  return {
    name,
    priority,
    owner,
    isSent: false,
    isStuck: false,
    get owedBlocks() {
      return this.isSent ? 0 : blocks
    },
  }
}

/** Each is sent and released in its turn. */
function serveAll(slots: UploadSlots<Job>, { jobs, served }: { readonly jobs: readonly Job[]; readonly served: readonly string[] }): void {
  for (let turn = 1; turn < jobs.length; turn++) {
    const one = jobs.find(({ name }) => name === served.at(-1)) as Job
    one.isSent = true
    slots.release(one)
  }
}

function slotsOf(slotsMax: number) {
  const served: string[] = []
  const displaced: string[] = []
  const slots = new UploadSlots<Job>({ granted: one => served.push(one.name), displaced: one => displaced.push(one.name) }, { slotsMax })
  return { slots, served, displaced }
}

describe('UploadSlots', () => {
  it('slots: more requests than slots: as many as there are slots are served, the rest as slots come free', () => {
    const { slots, served } = slotsOf(2)
    const jobs = ['a', 'b', 'c', 'd'].map(name => job(name))
    for (const one of jobs) slots.enqueue(one)
    expect(served).toEqual(['a', 'b'])
    expect([slots.inServiceCount, slots.waitingCount]).toEqual([2, 2])
    slots.release(jobs[1] as Job)
    expect(served).toEqual(['a', 'b', 'c'])
    slots.release(jobs[0] as Job)
    expect(served).toEqual(['a', 'b', 'c', 'd'])
  })

  it('slots: the first in service and the last out of it are told, and nothing in between', () => {
    const told: boolean[] = []
    const slots = new UploadSlots<Job>({ granted: () => {}, displaced: () => {}, busy: isBusy => told.push(isBusy) }, { slotsMax: 1 })
    const [first, second, urgent] = [job('first', 'seed'), job('second', 'seed'), job('urgent', 'play')]
    for (const one of [first, second, urgent]) slots.enqueue(one)
    for (const one of [urgent, first]) slots.release(one)
    expect(told).toEqual([true])
    slots.release(second)
    slots.release(second)
    expect(told).toEqual([true, false])
  })

  it('slots: requests of several classes: play before prefetch before seed, each in the order of arrival', () => {
    const { slots, served } = slotsOf(1)
    const first = job('first', 'play')
    slots.enqueue(first)
    const later = [job('s1', 'seed'), job('f1', 'prefetch'), job('p1', 'play'), job('f2', 'prefetch'), job('p2', 'play'), job('s2', 'seed')]
    for (const one of later) slots.enqueue(one)
    slots.release(first)
    for (const name of ['p1', 'p2', 'f1', 'f2', 's1', 's2']) slots.release(later.find(one => one.name === name) as Job)
    expect(served).toEqual(['first', 'p1', 'p2', 'f1', 'f2', 's1', 's2'])
  })

  it('slots: one connection with many requests and two with few: they take turns', () => {
    const { slots, served } = slotsOf(1)
    const jobs = [
      ...['a1', 'a2', 'a3', 'a4'].map(name => job(name, 'prefetch', alice)),
      ...['b1', 'b2'].map(name => job(name, 'prefetch', bob)),
      job('c1', 'prefetch', carol),
    ]
    for (const one of jobs) slots.enqueue(one)
    serveAll(slots, { jobs, served })
    expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
  })

  it('slots: one asks for long runs and another for short ones: both get as much', () => {
    const { slots, served } = slotsOf(1)
    const jobs = [
      ...['a1', 'a2', 'a3'].map(name => job(name, 'prefetch', alice, 16)),
      ...['b1', 'b2', 'b3', 'b4', 'b5'].map(name => job(name, 'prefetch', bob, 4)),
    ]
    for (const one of jobs) slots.enqueue(one)
    serveAll(slots, { jobs, served })
    expect(served).toEqual(['a1', 'b1', 'a2', 'b2', 'b3', 'b4', 'a3', 'b5'])
  })

  it('slots: what is cancelled before it was sent is not held against who asked for it', () => {
    const { slots, served } = slotsOf(1)
    const [first, ...others] = [
      job('a1', 'prefetch', alice, 16),
      job('b1', 'prefetch', bob),
      job('b2', 'prefetch', bob),
      job('a2'),
    ] as const
    for (const one of [first, ...others]) slots.enqueue(one)
    slots.release(first)
    serveAll(slots, { jobs: others, served })
    expect(served).toEqual(['a1', 'a2', 'b1', 'b2'])
  })

  it('slots: who comes late has no claim to what others were sent before', () => {
    const { slots, served } = slotsOf(1)
    const early = ['a1', 'a2', 'a3', 'a4'].map(name => job(name))
    for (const one of early) slots.enqueue(one)
    serveAll(slots, { jobs: early, served })
    const late = [job('a5'), ...['b1', 'b2', 'b3'].map(name => job(name, 'prefetch', bob))]
    for (const one of late) slots.enqueue(one)
    const last = early.at(-1) as Job
    last.isSent = true
    slots.release(last)
    serveAll(slots, { jobs: late, served })
    expect(served.slice(4)).toEqual(['b1', 'a5', 'b2', 'b3'])
  })

  it('slots: who was sent much while nobody waited: is soon served as others are', () => {
    const { slots, served } = slotsOf(1)
    const alone = job('a1', 'prefetch', alice, 10_000)
    slots.enqueue(alone)
    alone.isSent = true
    slots.release(alone)
    const rest = [...['b1', 'b2', 'b3', 'b4'].map(name => job(name, 'prefetch', bob, 60)), job('a3')]
    for (const one of rest) slots.enqueue(one)
    serveAll(slots, { jobs: rest, served })
    expect(served.indexOf('a3')).toBeLessThan(served.indexOf('b4'))
  })

  it('slots: all taken by one connection: gives one to another that has none, and not the last', () => {
    const { slots, served, displaced } = slotsOf(2)
    for (const name of ['a1', 'a2', 'a3']) slots.enqueue(job(name))
    slots.enqueue(job('b1', 'prefetch', bob))
    expect([served, displaced]).toEqual([['a1', 'a2', 'b1'], ['a1']])
    slots.enqueue(job('c1', 'prefetch', carol))
    slots.enqueue(job('b2', 'prefetch', bob))
    expect(displaced).toEqual(['a1'])
  })

  it('slots: all taken by one connection with more urgent requests, or with such that are all sent: gives none', () => {
    for (const [priority, isSent] of [
      ['play', false],
      ['prefetch', true],
    ] as const) {
      const { slots, displaced } = slotsOf(2)
      for (const name of ['a1', 'a2']) {
        const one = job(name, priority)
        one.isSent = isSent
        slots.enqueue(one)
      }
      slots.enqueue(job('b1', 'prefetch', bob))
      expect(displaced).toEqual([])
    }
  })

  it('slots: a stuck connection: lets another pass at the next review, and goes on when it is loose again', () => {
    const { slots, served, displaced } = slotsOf(1)
    const [slow, fast] = [job('slow'), job('fast', 'prefetch', bob)]
    slots.enqueue(slow)
    slots.enqueue(fast)
    expect(displaced).toEqual([])
    slow.isStuck = true
    slots.review()
    slots.review()
    expect([served, displaced]).toEqual([['slow', 'fast'], ['slow']])
    expect([slots.inServiceCount, slots.waitingCount]).toEqual([1, 1])
    slow.isStuck = false
    slots.release(fast)
    expect(served).toEqual(['slow', 'fast', 'slow'])
  })

  it('slots: a stuck connection with a request all sent: loses the slot and waits for none', () => {
    const { slots, served } = slotsOf(1)
    const sent = job('sent')
    slots.enqueue(sent)
    Object.assign(sent, { isSent: true, isStuck: true })
    const other = job('other', 'prefetch', bob)
    slots.enqueue(other)
    expect([slots.inServiceCount, slots.waitingCount]).toEqual([1, 0])
    slots.release(sent)
    slots.release(other)
    expect([served, slots.inServiceCount]).toEqual([['sent', 'other'], 0])
  })

  it('slots: everybody is stuck: nobody takes a slot of another, and no slot idles', () => {
    const { slots, served, displaced } = slotsOf(1)
    const jobs = [job('a', 'seed'), job('b', 'prefetch', bob), job('c', 'play', carol)]
    for (const one of jobs) {
      one.isStuck = true
      slots.enqueue(one)
    }
    expect([served, displaced]).toEqual([['a'], []])
    slots.release(jobs[0] as Job)
    expect(served).toEqual(['a', 'c'])
  })

  it('slots: a connection with fewer in service than another: comes first, though it was granted one later', () => {
    const { slots, served } = slotsOf(3)
    const jobs = [job('a1'), job('a2'), job('b1', 'prefetch', bob), job('a3'), job('b2', 'prefetch', bob)]
    for (const one of jobs) slots.enqueue(one)
    slots.release(jobs[2] as Job)
    expect(served).toEqual(['a1', 'a2', 'b1', 'b2'])
  })

  it('slots: a play request when seeds have all slots: one seed waits, goes on in front of other seeds', () => {
    const { slots, served, displaced } = slotsOf(2)
    const seeds = ['s1', 's2', 's3'].map(name => job(name, 'seed'))
    for (const one of seeds) slots.enqueue(one)
    const urgent = job('p1', 'play', bob)
    slots.enqueue(urgent)
    expect([served, displaced]).toEqual([['s1', 's2', 'p1'], ['s1']])
    expect(slots.inServiceCount).toBe(2)
    slots.release(urgent)
    expect(served).toEqual(['s1', 's2', 'p1', 's1'])
  })

  it('slots: a play request when seeds are only waiting for their acknowledgement: displaces none', () => {
    const { slots, served, displaced } = slotsOf(1)
    const seed = job('s1', 'seed')
    slots.enqueue(seed)
    seed.isSent = true
    slots.enqueue(job('p1', 'play', bob))
    expect([served, displaced]).toEqual([['s1'], []])
  })

  it('slots: released while it waits, or twice: counts once', () => {
    const { slots, served } = slotsOf(1)
    const jobs = ['a', 'b', 'c'].map(name => job(name))
    for (const one of jobs) slots.enqueue(one)
    slots.release(jobs[1] as Job)
    slots.release(jobs[1] as Job)
    slots.release(jobs[0] as Job)
    slots.release(jobs[0] as Job)
    expect(served).toEqual(['a', 'c'])
    expect([slots.inServiceCount, slots.waitingCount]).toEqual([1, 0])
  })

  it('slots: a grant that is given back at once: the next one is served', () => {
    const served: string[] = []
    const slots: UploadSlots<Job> = new UploadSlots<Job>(
      {
        granted: one => {
          served.push(one.name)
          if (one.name !== 'last') slots.release(one)
        },
        displaced: () => undefined,
      },
      { slotsMax: 1 },
    )
    for (const name of ['a', 'b', 'last']) slots.enqueue(job(name))
    expect(served).toEqual(['a', 'b', 'last'])
    expect(slots.inServiceCount).toBe(1)
  })

  it('slots: any sequence of arrivals, ends, sendings and stuck receivers: the bound holds, no slot idles while somebody waits, nobody is lost', () => {
    const step = fc.record({
      act: fc.constantFrom('enqueue', 'release', 'sent', 'stuck'),
      pick: fc.nat(1000),
      priority: fc.constantFrom<PriorityClass>('play', 'prefetch', 'seed'),
      owner: fc.constantFrom(alice, bob, carol),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (slotsMax, steps) => {
        const inService = new Set<Job>()
        const open: Job[] = []
        /** All sent, and without a slot. */
        const put = new Set<Job>()
        const displaced = (one: Job) => {
          inService.delete(one)
          if (one.isSent) put.add(one)
        }
        const slots = new UploadSlots<Job>({ granted: one => inService.add(one), displaced }, { slotsMax })
        for (const { act, pick, priority, owner } of steps) {
          const chosen = open[pick % Math.max(1, open.length)]
          if (act === 'enqueue') {
            open.push(job(`${open.length}`, priority, owner))
            slots.enqueue(open.at(-1) as Job)
          } else if (act === 'sent' && chosen !== undefined && inService.has(chosen)) chosen.isSent = true
          else if (act === 'stuck') {
            for (const one of open) if (one.owner === owner) one.isStuck = pick % 2 === 0
            slots.review()
          } else if (act === 'release' && chosen !== undefined) {
            open.splice(open.indexOf(chosen), 1)
            inService.delete(chosen)
            put.delete(chosen)
            slots.release(chosen)
          }
          expect(inService.size).toBeLessThanOrEqual(slotsMax)
          expect(slots.inServiceCount).toBe(inService.size)
          expect(slots.waitingCount).toBe(open.length - inService.size - put.size)
          if (slots.waitingCount > 0) expect(slots.inServiceCount).toBe(slotsMax)
        }
      }),
      { seed: 6, numRuns: 300 },
    )
  })
})
