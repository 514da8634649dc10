// The swarm's traffic as it is remembered: in fine steps for a quarter of an hour, coarser for a day, coarser still for a month.
// Not the measuring (traffic-meter.ts). Time comes in with each call.
// Invariant: the file stays small whatever flows (some thousand rows), and what was recorded is there after a restart.

import type { HistorySpan } from '@evastream/protocol/swarm-http'
import { openSqliteFile, type SqliteFile } from '@evastream/service-kit/sqlite-file'
import type { TrafficPoint } from './self-sustaining.ts'

export interface HistoryPoint extends TrafficPoint {
  /** The most at once. */
  readonly listeners: number
}

export interface RecordedTraffic {
  readonly atMs: number
  readonly serverBytes: number
  readonly listenerBytes: number
  readonly listeners: number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `keptMs` is a little more than the span: a day may have 25 hours, and a chart has a beginning. */
export const SPANS: Readonly<Record<HistorySpan, { readonly bucketMs: number; readonly spanMs: number; readonly keptMs: number }>> = {
  '15m': { bucketMs: 5 * SECOND, spanMs: 15 * MINUTE, keptMs: 20 * MINUTE },
  '24h': { bucketMs: 5 * MINUTE, spanMs: DAY, keptMs: 26 * HOUR },
  '30d': { bucketMs: 2 * HOUR, spanMs: 30 * DAY, keptMs: 31 * DAY },
}

const TABLES = `
create table if not exists bucket (
  width integer not null, start integer not null, server real not null, listener real not null, listeners integer not null,
  primary key (width, start)
) without rowid;
create table if not exists fact (name text primary key, value text not null) without rowid;`

const ADD = `insert into bucket values (?, ?, ?, ?, ?) on conflict (width, start) do update set
  server = server + excluded.server, listener = listener + excluded.listener, listeners = max(listeners, excluded.listeners)`

export class TrafficHistory {
  readonly #file: SqliteFile

  private constructor(file: SqliteFile) {
    this.#file = file
  }

  /** @throws EvaError `EVA_STORAGE_FAILED`, `EVA_STORAGE_FULL` */
  static async open(path: string): Promise<TrafficHistory> {
    const file = await openSqliteFile(path)
    try {
      file.run(`pragma busy_timeout = 2000; pragma journal_mode = wal; pragma synchronous = normal; ${TABLES}`)
      return new TrafficHistory(file)
    } catch (thrown) {
      file.close()
      throw thrown
    }
  }

  add({ atMs, serverBytes, listenerBytes, listeners }: RecordedTraffic): void {
    this.#file.run('begin')
    try {
      for (const { bucketMs, keptMs } of Object.values(SPANS)) {
        this.#file.prepare(ADD).run([bucketMs, atMs - (atMs % bucketMs), serverBytes, listenerBytes, listeners])
        this.#file.prepare('delete from bucket where width = ? and start < ?').run([bucketMs, atMs - keptMs])
      }
      this.#file.run('commit')
    } catch (thrown) {
      this.#file.run('rollback')
      throw thrown
    }
  }

  /** The points of a span that ends now, in order. */
  points(span: HistorySpan, nowMs: number): HistoryPoint[] {
    const { bucketMs, spanMs } = SPANS[span]
    return this.#since(bucketMs, nowMs - spanMs)
  }

  /** What flowed since a moment of the last day, such as midnight. */
  since(fromMs: number): { readonly serverBytes: number; readonly listenerBytes: number } {
    const points = this.#since(SPANS['24h'].bucketMs, fromMs)
    const sum = (name: 'serverBytes' | 'listenerBytes') => points.reduce((total, point) => total + point[name], 0)
    return { serverBytes: sum('serverBytes'), listenerBytes: sum('listenerBytes') }
  }

  /** What stands under the name, or `first`, which then stands there. */
  fact(name: string, first: string): string {
    this.#file.prepare('insert into fact values (?, ?) on conflict do nothing').run([name, first])
    return (this.#file.prepare('select value from fact where name = ?').all([name])[0] as { value: string }).value
  }

  close(): void {
    try {
      this.#file.run('pragma wal_checkpoint(truncate)')
    } finally {
      this.#file.close()
    }
  }

  #since(bucketMs: number, fromMs: number): HistoryPoint[] {
    const rows = this.#file
      .prepare('select start, server, listener, listeners from bucket where width = ? and start >= ? order by start')
      .all([bucketMs, fromMs]) as { start: number; server: number; listener: number; listeners: number }[]
    return rows.map(({ start, server, listener, listeners }) => ({ atMs: start, serverBytes: server, listenerBytes: listener, listeners }))
  }
}
