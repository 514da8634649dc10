// What a Scheduler may not do over time: spin, hammer a service that is in trouble, or hold on to what was taken away.
// Not single commands: command-rules.ts.
// Invariant: each rule counts for one process; a new process begins with new rules.

import type { Millis } from '@evastream/core/units'
import type { SchedulerSnapshot } from '@evastream/engine/snapshot'
import type { StartedProcess } from '../records/simulation-observer.ts'
import type { PeerBooks } from './peer-books.ts'
import type { Step, StepRule } from './rule.ts'

const WINDOW_MS = 1000
const WAKES_MAX = 250
const SAME_TIME_WAKES_MAX = 20
const SEARCHES_MAX = 6

const TROUBLE_WINDOW_MS = 10_000
const TROUBLE_REQUESTS_MAX = 48

const REJECTION_WINDOW_MS = 60_000
const REJECTIONS_MAX = 30

/** The times of the last things of a kind, no older than a window. */
class RecentTimes {
  readonly #windowMs: number
  #times: Millis[] = []

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  add(at: Millis): number {
    if (this.#times.length > 0 && (this.#times[0] as Millis) <= at - this.#windowMs)
      this.#times = this.#times.filter(time => time > at - this.#windowMs)
    return this.#times.push(at)
  }

  clear(): void {
    this.#times = []
  }
}

function noSpinning(): StepRule {
  const wakes = new RecentTimes(WINDOW_MS)
  let lastAt = -1
  let sameTimeCount = 0
  return {
    name: 'no busy loop of wakes',
    check: ({ at, event }) => {
      if (event.kind !== 'woke') return undefined
      sameTimeCount = at === lastAt ? sameTimeCount + 1 : 0
      lastAt = at
      if (sameTimeCount > SAME_TIME_WAKES_MAX) return `woken ${sameTimeCount} times at the same moment`
      const count = wakes.add(at)
      return count > WAKES_MAX ? `woken ${count} times within a second` : undefined
    },
  }
}

function noPestering(): StepRule {
  const searches = new Map<string, RecentTimes>()
  return {
    name: 'the tracker is asked a few times a second at most',
    check: ({ at, commands }) => {
      for (const command of commands) {
        if (command.kind !== 'find-peers') continue
        const times = searches.get(command.songId) ?? new RecentTimes(WINDOW_MS)
        searches.set(command.songId, times)
        const count = times.add(at)
        if (count > SEARCHES_MAX) return `asked ${count} times within a second who holds ${command.songId}`
      }
      return undefined
    },
  }
}

function backsOff(): StepRule {
  const requests = new RecentTimes(TROUBLE_WINDOW_MS)
  const atOrigin = new Set<number>()
  return {
    name: 'an origin in trouble is left in peace',
    check: ({ at, event, commands }) => {
      const isGoodNews = event.kind === 'blocks-verified' || event.kind === 'request-finished'
      if (isGoodNews && atOrigin.has(event.requestId)) requests.clear()
      for (const command of commands) {
        if (command.kind !== 'request-blocks' || command.source.kind !== 'origin') continue
        atOrigin.add(command.requestId)
        const count = requests.add(at)
        if (count > TROUBLE_REQUESTS_MAX) return `asked ${count} times within 10 s, and nothing came`
      }
      return undefined
    },
  }
}

function givesUpOnContradictions(): StepRule {
  const rejections = new Map<string, RecentTimes>()
  return {
    name: 'a chunk that cannot verify is not fetched over and over',
    check: ({ at, event }) => {
      if (event.kind !== 'chunk-rejected') return undefined
      const key = `${event.songId}/${event.chunkId}`
      const times = rejections.get(key) ?? new RecentTimes(REJECTION_WINDOW_MS)
      rejections.set(key, times)
      const count = times.add(at)
      return count > REJECTIONS_MAX ? `chunk ${event.chunkId} was fetched and thrown away ${count} times within a minute` : undefined
    },
  }
}

const letsGo: StepRule = {
  name: 'a removed song leaves no request behind',
  check: ({ event, books }: Step) => {
    if (event.kind !== 'song-removed') return undefined
    for (const [requestId, { request }] of books.open) if (request.songId === event.songId) return `request ${requestId} is still open`
    return undefined
  },
}

/** Taking an account costs; it is compared this often, in steps. */
const ACCOUNT_EVERY = 25

/** The Scheduler's own account of its requests and chunks agrees with the books an onlooker kept. */
function accountAgrees(process: StartedProcess): StepRule {
  let stepCount = 0
  return {
    name: "the scheduler's own account agrees with what it was told and said",
    check: ({ books }) => {
      if (++stepCount % ACCOUNT_EVERY !== 0) return undefined
      const account = process.snapshot()
      return account === undefined ? undefined : (requestsDiffer(account, books) ?? songsDiffer(account, books))
    },
  }
}

function requestsDiffer({ requests }: SchedulerSnapshot, books: PeerBooks): string | undefined {
  const forgotten = requests.find(({ requestId }) => !books.open.has(requestId))
  if (forgotten !== undefined) return `request ${forgotten.requestId} is over and still in its table`
  return requests.length === books.open.size ? undefined : `${books.open.size} requests are open and ${requests.length} in its table`
}

function songsDiffer({ songs }: SchedulerSnapshot, books: PeerBooks): string | undefined {
  if (songs.length !== books.songs.size) return `it knows ${songs.length} songs of ${books.songs.size}`
  for (const { songId, chunksHeld, inProgress } of songs) {
    const book = books.songs.get(songId)
    if (book === undefined) return `it knows ${songId}, which was removed`
    if (chunksHeld !== book.held.size) return `it counts ${chunksHeld} chunks of ${songId} as held, and ${book.held.size} are`
    for (const { chunkId, blocksHere } of inProgress) {
      const arrived = book.chunks.get(chunkId)?.arrived.size ?? 0
      if (blocksHere !== arrived) return `it counts ${blocksHere} blocks of chunk ${chunkId} of ${songId}, and ${arrived} arrived`
    }
  }
  return undefined
}

export function stepRules(process: StartedProcess): readonly StepRule[] {
  return [noSpinning(), noPestering(), backsOff(), givesUpOnContradictions(), letsGo, accountAgrees(process)]
}
