// Canaries: for every rule a Scheduler (or a world) that breaks it, so that no rule is one that cannot fail.
// Not the production Scheduler's exam: that is seeds.test.ts.

import { assert } from '@evastream/core/assert'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { blockCountOf } from '@evastream/core/manifest'
import { KIB, SECOND_MS } from '@evastream/core/units'
import type { RequestBlocks, SchedulerCommand } from '@evastream/engine/commands'
import { engineConfig } from '@evastream/engine/config'
import type { SchedulerEvent, SongAdded } from '@evastream/engine/events'
import { describe, expect, test } from 'vitest'
import type { SchedulerPort } from '../parts/peer-process.ts'
import type { SchedulerMaker } from '../parts/simulated-peer.ts'
import type { Fact, LeaseTold } from '../records/simulation-observer.ts'
import { productionScheduler, type SimulationOptions } from '../simulation.ts'
import { type Scenario, scenario } from '../worlds/scenario.ts'
import { Checkers } from './checkers.ts'
import { COMMAND_RULES } from './command-rules.ts'
import { factRules } from './fact-rules.ts'
import { stepRules } from './step-rules.ts'

const songId = parseSongId('song-1')
const peerId = parsePeerId('peer-1')
const stranger = parsePeerId('stranger')

/** What a sabotage does to a step: the true event and the production Scheduler's commands, to what is done instead. */
type Sabotage = (commands: readonly SchedulerCommand[], event: SchedulerEvent) => readonly SchedulerCommand[]

function sabotaged(world: Scenario, makeSabotage: () => Sabotage): SchedulerMaker {
  const make = productionScheduler(world.plan())
  return (seed, peerId) => {
    const scheduler = make(seed, peerId)
    const sabotage = makeSabotage()
    return {
      handle: event => sabotage(scheduler.handle(event), event),
      nextWakeAt: () => scheduler.nextWakeAt(),
    }
  }
}

function isRequest(command: SchedulerCommand): command is RequestBlocks {
  return command.kind === 'request-blocks'
}

/** A Scheduler that knows one move: asks the origin for the first chunk whenever `isTime`. */
function stubborn(isTime: (event: SchedulerEvent) => boolean): SchedulerMaker {
  return () => {
    let song: SongAdded | undefined
    let requestId = 0
    const ask = ({ shape }: SongAdded): SchedulerCommand[] => {
      const blockCount = blockCountOf(shape, 0)
      const source = { kind: 'origin' } as const
      return [
        {
          kind: 'request-blocks',
          requestId: ++requestId,
          songId,
          chunkId: 0,
          firstBlock: 0,
          blockCount,
          source,
          priority: 'seed',
          verify: 'chunk',
        },
      ]
    }
    return {
      handle: event => {
        if (event.kind === 'song-added') song = event
        assert(song !== undefined, 'a song comes first')
        if (event.kind === 'request-finished') return [{ kind: 'complete-chunk', songId, chunkId: 0 }]
        return event.kind === 'song-added' || isTime(event) ? ask(song) : []
      },
      nextWakeAt: () => undefined,
    }
  }
}

interface Canary {
  readonly rule: string
  readonly world: () => Scenario
  readonly sabotage?: () => Sabotage
  readonly options?: (world: Scenario) => Partial<SimulationOptions>
}

const calm = () =>
  scenario()
    .song({ chunkCount: 4, chunkSizeBytes: 64 * KIB })
    .peer('peer-1')
    .peer('peer-2', { joinsAt: 3 * SECOND_MS })
const besideLiar = () => calm().adversary('sends-bad-bytes')

/** Adds commands made of the first request seen. */
function once(more: (request: RequestBlocks) => readonly SchedulerCommand[]): () => Sabotage {
  return () => {
    let isDone = false
    return commands => {
      const request = commands.find(isRequest)
      if (request === undefined || isDone) return commands
      isDone = true
      return [...commands, ...more(request)]
    }
  }
}

const canaries: readonly Canary[] = [
  {
    rule: 'the origin is asked by a lease only while it lives',
    world: () =>
      scenario()
        .song({ chunkCount: 40, chunkSizeBytes: 64 * KIB })
        .peer('peer-1'),
    sabotage: once(request =>
      Array.from({ length: 40 }, (_, chunkId) => ({ ...request, requestId: 1000 + chunkId, chunkId, permit: 'leased' as const })),
    ),
  },
  {
    rule: 'what is given back was granted, and is given back once',
    world: calm,
    sabotage: once(() => [{ kind: 'return-origin-leases', songId, leaseIds: ['of-somebody-else'], reason: 'unwanted' }]),
  },
  {
    rule: 'commands name what exists',
    world: calm,
    sabotage: once(() => [{ kind: 'cancel-request', requestId: 999_999, reason: 'unwanted' }]),
  },
  {
    rule: 'a block is asked of one source, or of two when hedged',
    world: calm,
    sabotage: once(request => [{ ...request, requestId: 999_999 }]),
  },
  {
    rule: 'what is here is not asked for again',
    world: calm,
    sabotage: () => {
      let first: RequestBlocks | undefined
      return (commands, event) => {
        first ??= commands.find(isRequest)
        if (first === undefined || event.kind !== 'chunk-stored' || event.chunkId !== first.chunkId) return commands
        return [{ ...first, requestId: 999_999 }, ...commands]
      }
    },
  },
  {
    rule: 'a chunk is completed once, when all its blocks are here',
    world: calm,
    sabotage: once(({ chunkId }) => [{ kind: 'complete-chunk', songId, chunkId }]),
  },
  {
    rule: 'blocks are verified by their hashes, or the chunk is asked for as a whole',
    world: calm,
    sabotage: () => commands => commands.map(command => (isRequest(command) ? { ...command, verify: 'chunk', blockCount: 1 } : command)),
  },
  {
    rule: 'requests and chunks in progress are bounded',
    world: calm,
    options: () => ({ checkedConfig: engineConfig({ downloadsInFlightMax: 1, waitingRequestsMax: 0 }) }),
  },
  {
    rule: 'a banned peer is not asked',
    world: besideLiar,
    sabotage: () => {
      let asked: RequestBlocks | undefined
      return commands => {
        asked = (commands.find(command => isRequest(command) && command.source.kind === 'peer') as RequestBlocks | undefined) ?? asked
        return commands.some(command => command.kind === 'ban-peer') && asked !== undefined
          ? [...commands, { ...asked, requestId: 999_999 }]
          : commands
      }
    },
  },
  {
    rule: 'a peer is asked only for what it is said to hold or to receive',
    world: calm,
    sabotage: () => commands =>
      commands.map(command => (isRequest(command) ? { ...command, source: { kind: 'peer', peerId: stranger } } : command)),
  },
  {
    rule: 'who said "later" is asked later',
    world: () => calm().fault({ kind: 'origin-trouble', trouble: 'is-overloaded', at: 0, until: 20 * SECOND_MS }),
    options: () => ({ makeScheduler: stubborn(event => event.kind === 'request-failed') }),
  },
  {
    rule: 'what is banned or discarded has no open request left',
    world: calm,
    sabotage: once(({ chunkId }) => [{ kind: 'discard-chunk', songId, chunkId }]),
  },
  {
    rule: 'nobody honest is banned',
    world: calm,
    sabotage: () => (commands, event) =>
      event.kind === 'peer-listed'
        ? [...commands, { kind: 'ban-peer', peerId: event.peerId, code: 'EVA_CHUNK_HASH_MISMATCH', durationMs: 1 }]
        : commands,
  },
  {
    rule: 'no busy loop of wakes',
    world: calm,
    options: world => {
      const make = productionScheduler(world.plan())
      return {
        makeScheduler: (seed, peerId) => {
          const scheduler = make(seed, peerId)
          return { handle: event => scheduler.handle(event), nextWakeAt: () => 0 }
        },
      }
    },
  },
  {
    rule: 'the tracker is asked a few times a second at most',
    world: calm,
    sabotage: once(() => Array.from({ length: 10 }, () => ({ kind: 'find-peers', songId }))),
  },
  {
    rule: 'an origin in trouble is left in peace',
    world: () => calm().originDies(),
    options: () => ({ makeScheduler: stubborn(event => event.kind === 'request-failed') }),
  },
  {
    rule: 'a chunk that cannot verify is not fetched over and over',
    world: () => calm().song({ chunkCount: 2, hasBlockHashes: false, flaw: { chunkId: 0, wrong: 'chunk-hash' } }),
    options: () => ({ makeScheduler: stubborn(event => event.kind === 'chunk-rejected') }),
  },
  {
    rule: 'a removed song leaves no request behind',
    world: () => scenario().song({ chunkCount: 8 }).peer('peer-1').fault({ kind: 'song-away', peerId, songId, at: 200, until: SECOND_MS }),
    sabotage: () => (commands, event) => (event.kind === 'song-removed' ? [] : commands),
  },
  {
    rule: "the scheduler's own account agrees with what it was told and said",
    world: () =>
      scenario()
        .song({ chunkCount: 8 })
        .peer('peer-1', { holds: [3] })
        .fault({ kind: 'chunk-evicted', peerId, songId, chunkId: 3, at: 100 }),
    options: world => {
      const make = productionScheduler(world.plan())
      return {
        makeScheduler: (seed, peerId) => {
          const scheduler = make(seed, peerId)
          return {
            handle: event => (event.kind === 'chunk-lost' ? [] : scheduler.handle(event)),
            nextWakeAt: () => scheduler.nextWakeAt(),
            snapshot: () => scheduler.snapshot?.() ?? expect.fail('no account was given'),
          }
        },
      }
    },
  },
  { rule: 'nothing unverified is stored, served or played', world: besideLiar, options: () => ({ checksHashes: false }) },
  {
    rule: 'a manifest that contradicts itself is reported',
    world: () => calm().song({ chunkCount: 4, flaw: { chunkId: 2, wrong: 'chunk-hash' } }),
    sabotage: () => commands => commands.filter(({ kind }) => kind !== 'report-trouble'),
  },
]

describe.each(canaries)('checkers: "$rule"', ({ rule, world, sabotage, options }) => {
  test('the production scheduler keeps it', () => {
    expect(world().run().violations).toEqual([])
  })

  test('a broken scheduler is caught', () => {
    const built = world()
    const makeScheduler = sabotage === undefined ? undefined : sabotaged(built, sabotage)
    const outcome = built.run({ ...(makeScheduler === undefined ? {} : { makeScheduler }), ...options?.(built) })
    expect(outcome.violations.map(violation => violation.rule)).toContain(rule)
    expect(outcome.isGood).toBe(false)
  })
})

const LATER = 'who began to receive a chunk later is not waited for, only asked for what it has'

test('checkers: a peer that began to receive a chunk after us is asked for what it lacks: is caught; one that began before, or has it: is not', () => {
  const rulesBrokenBy = (told: { readonly arrivingAt: number; readonly firstBlockAt: number; readonly block?: number }): string[] => {
    const checkers = new Checkers({ world: { config: engineConfig({ hasLeases: false }), isHonest: () => true } })
    const shape = { fileSize: 256 * KIB, chunkSize: 256 * KIB, chunkCount: 1 }
    const other = parsePeerId('peer-2')
    const asked = (requestId: number, firstBlock: number, source: RequestBlocks['source']): RequestBlocks =>
      ({
        kind: 'request-blocks',
        requestId,
        songId,
        chunkId: 0,
        firstBlock,
        blockCount: 1,
        source,
        priority: 'seed',
        verify: 'blocks',
      }) as const
    const added = { kind: 'song-added', at: 0, songId, shape, byteRateBytesPerSecond: 1, hasBlockHashes: true } as const
    checkers.started(0, peerId, { schedulerSeed: 0, snapshot: () => undefined })
    checkers.handled(peerId, { ...added, heldChunkIds: [], interest: 'seed' }, [asked(1, 0, { kind: 'origin' })])
    const events: SchedulerEvent[] = [
      { kind: 'blocks-verified', at: told.firstBlockAt, requestId: 1, firstBlock: 0, blockCount: 1 },
      { kind: 'peer-arriving', at: told.arrivingAt, songId, peerId: other, chunks: [{ chunkId: 0, blocks: [told.block ?? 9] }] },
    ]
    for (const event of events.sort((one, next) => one.at - next.at)) checkers.handled(peerId, event, [])
    checkers.handled(peerId, { kind: 'woke', at: 100 }, [asked(2, 5, { kind: 'peer', peerId: other })])
    return checkers.violations.map(({ rule }) => rule)
  }
  expect(rulesBrokenBy({ arrivingAt: 10, firstBlockAt: 20 })).toEqual([])
  expect(rulesBrokenBy({ arrivingAt: 20, firstBlockAt: 10 })).toEqual([LATER])
  expect(rulesBrokenBy({ arrivingAt: 20, firstBlockAt: 10, block: 5 })).toEqual([])
})

describe('checkers: of facts', () => {
  function rulesBrokenBy(facts: readonly Fact[]): string[] {
    const checkers = new Checkers({ world: { config: engineConfig(), isHonest: () => true } })
    for (const fact of facts) checkers.fact(0, peerId, fact)
    return checkers.violations.map(({ rule }) => rule)
  }

  test('more uploads than slots: are caught', () => {
    expect(rulesBrokenBy([{ kind: 'uploading', activeCount: 2, slotsMax: 2 }])).toEqual([])
    expect(rulesBrokenBy([{ kind: 'uploading', activeCount: 3, slotsMax: 2 }])).toEqual(['uploads stay within their slots'])
  })

  test('a block handed on before it verified, or verified by an earlier process: is caught', () => {
    const [verified, relayed] = (['verified', 'relayed'] as const).map((kind): Fact => ({ kind, songId, chunkId: 0, block: 3 }))
    if (verified === undefined || relayed === undefined) return
    const rule = 'a block is handed on only after it verified'
    expect(rulesBrokenBy([verified, relayed, relayed])).toEqual([])
    expect(rulesBrokenBy([relayed, verified])).toEqual([rule])
    expect(rulesBrokenBy([verified, { ...relayed, block: 4 } as Fact])).toEqual([rule])
    const checkers = new Checkers({ world: { config: engineConfig(), isHonest: () => true } })
    checkers.fact(0, peerId, verified)
    checkers.ended(1, peerId)
    checkers.fact(2, peerId, relayed)
    expect(checkers.violations).toMatchObject([{ at: 2, rule }])
  })

  test('a byte stored or wasted twice: is caught', () => {
    const received: Fact = { kind: 'received', from: 'peer', sizeBytes: 10 }
    const wasted: Fact = { kind: 'wasted', reason: 'late', sizeBytes: 10 }
    expect(rulesBrokenBy([received, wasted])).toEqual([])
    expect(rulesBrokenBy([received, wasted, wasted])).toEqual(['every byte is accounted for once'])
  })

  test('a byte that was received and came to nothing: is caught when the process is over', () => {
    const checkers = new Checkers({ world: { config: engineConfig(), isHonest: () => true } })
    checkers.fact(0, peerId, { kind: 'received', from: 'origin', sizeBytes: 10 })
    checkers.fact(0, peerId, { kind: 'wasted', reason: 'cut-short', sizeBytes: 9 })
    expect(checkers.violations).toEqual([])
    checkers.ended(1, peerId)
    expect(checkers.violations).toMatchObject([{ at: 1, rule: 'every byte is accounted for once' }])
  })

  test('a lease too many: is caught, until those before it are over', () => {
    const rule = 'no more leases of a chunk are alive than the budget allows'
    const lease = (leaseId: string, more: Partial<LeaseTold & { at: number }> = {}): Fact => {
      const told = { songId, chunkId: 0, leaseId, at: 0, expiresInMs: 2000, firstBlocks: undefined, holderCount: 0, originCopies: 1 }
      return { kind: 'lease-granted', ...told, ...more }
    }
    expect(rulesBrokenBy([lease('a'), lease('b')])).toEqual([rule])
    expect(rulesBrokenBy([lease('a'), lease('b', { firstBlocks: 4 }), lease('c', { chunkId: 1 })])).toEqual([])
    expect(rulesBrokenBy([lease('a', { chunkId: 1, firstBlocks: 4 })])).toEqual([rule])
    expect(rulesBrokenBy(Array.from({ length: 16 }, (_, number) => lease(`x${number}`, { firstBlocks: 4 })))).toEqual([rule])
    expect(rulesBrokenBy([lease('a', { holderCount: 1 })])).toEqual([rule])
    expect(rulesBrokenBy([lease('a', { originCopies: 2 }), lease('b', { originCopies: 2 })])).toEqual([])
    expect(rulesBrokenBy([lease('a'), lease('a', { at: 1000 }), lease('b', { at: 2500 })])).toEqual([rule])
    expect(rulesBrokenBy([lease('a'), lease('b', { at: 2000 })])).toEqual([])
    const ends: readonly Fact[] = [
      { kind: 'tracker-forgot' },
      { kind: 'leases-over' },
      { kind: 'leases-over', leaseIds: ['a'] },
      { kind: 'leases-over', songId, chunkIds: [0] },
    ]
    for (const end of ends) expect(rulesBrokenBy([lease('a'), end, lease('b')])).toEqual([])
    const others: readonly Fact[] = [
      { kind: 'leases-over', leaseIds: ['b'] },
      { kind: 'leases-over', songId, chunkIds: [1] },
    ]
    for (const other of others) expect(rulesBrokenBy([lease('a'), other, lease('b')])).toEqual([rule])
  })

  test.each(['stored', 'served', 'played'] as const)('wrong bytes %s: are caught', kind => {
    const fact = (isGood: boolean): Fact => ({ kind, songId, chunkId: 0, sizeBytes: 1, isGood })
    expect(rulesBrokenBy([fact(true)])).not.toContain('nothing unverified is stored, served or played')
    expect(rulesBrokenBy([fact(false)])).toContain('nothing unverified is stored, served or played')
  })
})

describe('liveness', () => {
  const sabotages: readonly (readonly [string, () => Sabotage])[] = [
    ['drops its requests', () => commands => commands.filter(command => !isRequest(command))],
    ['never stores a chunk', () => commands => commands.filter(({ kind }) => kind !== 'complete-chunk')],
  ]

  test.each(sabotages)('liveness: a scheduler that %s: is found unfinished at the end', (_name, sabotage) => {
    const world = calm()
    const outcome = world.run({ makeScheduler: sabotaged(world, sabotage) })
    expect(outcome.missing).toContain('peer-1 lacks chunks 0, 1, 2, 3 of song-1')
    expect(outcome.isGood).toBe(false)
  })

  test('liveness: a scheduler that never hears of failures: is found unfinished at the end', () => {
    const world = calm().fault({ kind: 'origin-trouble', trouble: 'refuses', at: 0, until: 5 * SECOND_MS })
    const make = productionScheduler(world.plan())
    const deaf: SchedulerMaker = (seed, peerId) => {
      const scheduler: SchedulerPort = make(seed, peerId)
      return {
        handle: event => (event.kind === 'request-failed' || event.kind === 'woke' ? [] : scheduler.handle(event)),
        nextWakeAt: () => undefined,
      }
    }
    expect(world.run().isGood).toBe(true)
    expect(world.run({ makeScheduler: deaf }).missing).not.toEqual([])
  })
})

test('checkers: every rule there is: has a canary', () => {
  const direct = [
    'uploads stay within their slots',
    'every byte is accounted for once',
    'a block is handed on only after it verified',
    'no more leases of a chunk are alive than the budget allows',
    LATER,
  ]
  const names = [...COMMAND_RULES, ...stepRules({ schedulerSeed: 0, snapshot: () => undefined }), ...factRules()].map(({ name }) => name)
  expect([...canaries.map(({ rule }) => rule), ...direct]).toEqual(expect.arrayContaining(names))
})
