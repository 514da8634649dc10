// One SQLite file through whichever binding this Node has: its own, or the package with the same interface.
// Not a database of anything in particular: settings and tables are its users'. This only opens, speaks kysely's driver interface, and names failures.
// Invariant: every failure of SQLite leaves here as an EvaError.

import { EvaError } from '@evastream/core/errors'
import type { SqliteDatabase, SqliteStatement } from 'kysely'
import { LRUCache } from 'lru-cache'

export interface SqliteFile extends SqliteDatabase {
  /** Statements without parameters or results. */
  run(statements: string): void
}

/** What the two bindings have in common, as far as it is used here. */
interface Binding {
  DatabaseSync: new (path: string) => BoundDatabase
}

interface BoundDatabase {
  exec(statements: string): void
  prepare(statement: string): BoundStatement
  close(): void
}

interface BoundStatement {
  columns(): readonly unknown[]
  all(...parameters: unknown[]): unknown[]
  iterate(...parameters: unknown[]): IterableIterator<unknown>
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
}

/** Statements kept compiled; a catalog has some twenty. */
const STATEMENTS_MAX = 64

/** @throws EvaError `EVA_STORAGE_FAILED` naming the file, `EVA_STORAGE_FULL`, `EVA_DIRECTORY_LOCKED` */
export async function openSqliteFile(path: string): Promise<SqliteFile> {
  const { DatabaseSync } = await loadBinding()
  const database = named(path, () => new DatabaseSync(path))
  const statements = new LRUCache<string, SqliteStatement>({ max: STATEMENTS_MAX })
  return {
    run: text => named(path, () => database.exec(text)),
    prepare: text => {
      const statement = statements.get(text) ?? named(path, () => adapted(database.prepare(text), path))
      statements.set(text, statement)
      return statement
    },
    close: () => named(path, () => database.close()),
  }
}

/** The shape kysely expects: one array of parameters, and whether the statement returns rows. */
function adapted(statement: BoundStatement, path: string): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: parameters => named(path, () => statement.all(...parameters)),
    run: parameters => named(path, () => statement.run(...parameters)),
    iterate: parameters => named(path, () => statement.iterate(...parameters)),
  }
}

/** Node's own from 22.16 on, which is the first that tells a statement's columns. */
async function loadBinding(): Promise<Binding> {
  const own = process.getBuiltinModule?.('node:sqlite') as (Binding & { StatementSync?: { prototype: object } }) | undefined
  if (own?.StatementSync !== undefined && 'columns' in own.StatementSync.prototype) return own
  try {
    return await import('@photostructure/sqlite')
  } catch (cause) {
    const reason = `this Node (${process.version}) has no SQLite of its own, and the package @photostructure/sqlite is not installed`
    throw new EvaError('EVA_STORAGE_FAILED', { details: { reason }, cause })
  }
}

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_FULL = 13

function named<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw storageError(cause, path)
  }
}

function storageError(cause: unknown, path: string): EvaError {
  const { errcode, message } = cause as { errcode?: number; message?: string }
  // The low byte is the kind, the rest its particulars.
  const kind = (errcode ?? 0) & 0xff
  if (kind === SQLITE_FULL) return new EvaError('EVA_STORAGE_FULL', { details: { path }, cause })
  if (kind === SQLITE_BUSY || kind === SQLITE_LOCKED)
    return new EvaError('EVA_DIRECTORY_LOCKED', { details: { path, flag: '--data' }, cause })
  return new EvaError('EVA_STORAGE_FAILED', { details: { reason: `${path}: ${message ?? String(cause)}` }, cause })
}
