// What the server tells as it happens: one connection for the whole page, of the topics that somebody on it watches.
// Not the meaning of a topic. A page that nobody sees lets its connection go: browsers open few to one address, and music needs them more.
// Invariant: watchers of a topic get its newest value, and after a lost connection the next one brings the whole of it again.

import { type ReadonlySignal, signal } from '@preact/signals'

/** The part of EventSource that is used. */
export interface EventLine {
  /** 2: it will not try again by itself. */
  readonly readyState: number
  addEventListener(name: string, heard: (event: { readonly data?: unknown }) => void): void
  close(): void
}

export interface EventHubDeps {
  openLine(path: string): EventLine
  readonly page: Pick<Document, 'visibilityState' | 'addEventListener'>
  after(delayMs: number, task: () => void): void
}

export interface TopicWish {
  readonly topic: string
  /** For topics that are about a song. */
  readonly songId?: string
}

interface Watcher {
  readonly wish: TopicWish
  heard(value: unknown): void
}

const REFUSED = 2
const RETRY_MS = 2000

export class EventHub {
  readonly #deps: EventHubDeps
  readonly #watchers = new Set<Watcher>()
  readonly #isConnected = signal(true)
  #line: EventLine | undefined
  #path = ''
  /** By topic and song, since the line was opened. */
  readonly #newest = new Map<string, unknown>()
  #isPlanned = false

  constructor(deps: EventHubDeps) {
    this.#deps = deps
    deps.page.addEventListener('visibilitychange', () => this.#plan())
  }

  /** Whether the server is heard; true as long as nobody listens. */
  get isConnected(): ReadonlySignal<boolean> {
    return this.#isConnected
  }

  /** @returns what ends the watching. */
  watch<Value>(wish: TopicWish, heard: (value: Value) => void): () => void {
    const watcher: Watcher = { wish, heard: value => heard(value as Value) }
    this.#watchers.add(watcher)
    const { topic, songId } = wish
    for (const [key, value] of this.#newest) if (key === keyOf(topic, songId)) watcher.heard(value)
    this.#plan()
    return () => {
      if (this.#watchers.delete(watcher)) this.#plan()
    }
  }

  /** What is watched changes often by several watchers at once: they share one new line. */
  #plan(delayMs = 0): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#deps.after(delayMs, () => {
      this.#isPlanned = false
      this.#connect()
    })
  }

  #connect(): void {
    const path = this.#deps.page.visibilityState === 'visible' ? pathOf([...this.#watchers]) : ''
    if (path === this.#path) return
    this.#line?.close()
    this.#line = undefined
    this.#path = path
    this.#newest.clear()
    if (path === '') return
    const line = this.#deps.openLine(path)
    this.#line = line
    line.addEventListener('open', () => this.#told(line, true))
    line.addEventListener('error', () => this.#failed(line))
    for (const topic of new Set([...this.#watchers].map(({ wish }) => wish.topic)))
      line.addEventListener(topic, ({ data }) => this.#heard(topic, JSON.parse(String(data))))
  }

  #told(line: EventLine, isConnected: boolean): void {
    if (line === this.#line) this.#isConnected.value = isConnected
  }

  #failed(line: EventLine): void {
    this.#told(line, false)
    if (line !== this.#line || line.readyState !== REFUSED) return
    this.#path = ''
    this.#plan(RETRY_MS)
  }

  #heard(topic: string, value: { readonly songId?: string }): void {
    this.#newest.set(keyOf(topic, value.songId), value)
    for (const { wish, heard } of [...this.#watchers])
      if (wish.topic === topic && (wish.songId === undefined || wish.songId === value.songId)) heard(value)
  }
}

function keyOf(topic: string, songId: string | undefined): string {
  return songId === undefined ? topic : `${topic} ${songId}`
}

function pathOf(watchers: readonly Watcher[]): string {
  if (watchers.length === 0) return ''
  const topics = [...new Set(watchers.map(({ wish }) => wish.topic))].sort()
  const songIds = [...new Set(watchers.flatMap(({ wish }) => (wish.songId === undefined ? [] : [wish.songId])))].sort()
  const songs = songIds.length === 0 ? '' : `&songId=${songIds.join(',')}`
  return `/api/events?topics=${topics.join(',')}${songs}`
}
