// What the page watches: topics, each a value that is read now and then and told when it has changed, as Server-Sent Events.
// Not the node's events one by one (node-events.ts): a watcher that was away or is slow misses nothing but older values.
// Invariant: a watcher costs at most what its topics' newest values take, and the oftenest they are read is each topic's interval.

import { Readable } from 'node:stream'
import type { SongId } from '@evastream/core/ids'
import { SECOND_MS } from '@evastream/core/units'
import type { Timers } from '@evastream/service-kit/system-clock'
import { WATCHERS_MAX } from '../node-events.ts'

export interface TopicQuery {
  /** The songs that the watcher asks about. */
  readonly songIds: readonly SongId[]
}

export interface EventTopic {
  /** The `event:` of the stream; lower-case letters. */
  readonly name: string
  readonly intervalMs: number
  /** The values of this moment, in an order that stays: each is told when it differs from the last one at its place. */
  read(query: TopicQuery): readonly object[]
}

export interface EventTopicsDeps {
  readonly timers: Pick<Timers, 'every'>
}

const KEEP_ALIVE_MS = 15 * SECOND_MS
/** When the node comes again after a restart, its pages notice within this time. */
const RECONNECT_MS = SECOND_MS

export class EventTopics {
  readonly #deps: EventTopicsDeps
  readonly #topics = new Map<string, EventTopic>()
  readonly #watchers = new Set<Readable>()

  constructor(deps: EventTopicsDeps) {
    this.#deps = deps
  }

  add(topic: EventTopic): void {
    this.#topics.set(topic.name, topic)
  }

  get names(): readonly string[] {
    return [...this.#topics.keys()]
  }

  /** A stream of Server-Sent Events, beginning with every topic's values; undefined when too many watch. Names of no topic stay silent. */
  watch(names: readonly string[], query: TopicQuery): Readable | undefined {
    if (this.#watchers.size >= WATCHERS_MAX) return undefined
    const watcher = new Readable({ read: () => undefined })
    this.#watchers.add(watcher)
    watcher.push(`retry: ${RECONNECT_MS}\n\n`)
    const stops = [this.#deps.timers.every(KEEP_ALIVE_MS, () => watcher.push(': still here\n\n'))]
    for (const topic of new Set(names.map(name => this.#topics.get(name)))) {
      if (topic === undefined) continue
      const told: string[] = []
      const tell = () => tellNews(topic, { query, told, watcher })
      tell()
      stops.push(
        this.#deps.timers.every(topic.intervalMs, () => {
          // Who has not taken the last values yet gets the newest ones when it has.
          if (watcher.readableLength === 0) tell()
        }),
      )
    }
    watcher.once('close', () => {
      this.#watchers.delete(watcher)
      for (const stop of stops) stop()
    })
    return watcher
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.push(null)
  }
}

interface Telling {
  readonly query: TopicQuery
  /** What was told last, by place. */
  readonly told: string[]
  readonly watcher: Readable
}

function tellNews({ name, read }: EventTopic, { query, told, watcher }: Telling): void {
  for (const [place, value] of read(query).entries()) {
    const text = JSON.stringify(value)
    if (told[place] === text) continue
    told[place] = text
    watcher.push(`event: ${name}\ndata: ${text}\n\n`)
  }
}
