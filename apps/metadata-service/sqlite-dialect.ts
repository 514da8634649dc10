// The catalog in a SQLite file of the data directory.
// Not queries: those are portable and stand beside what they answer.
// Invariant: one process per directory; a transaction that was told done survives the process's death at any moment.

import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { openSqliteFile, type SqliteFile } from '@evastream/service-kit/sqlite-file'
import { Kysely, SqliteDialect } from 'kysely'
import { migrateCatalog } from './catalog-migrations.ts'
import type { CatalogDatabase, CatalogTables } from './catalog-tables.ts'

const CATALOG_FILE = 'songs.sqlite'
const LOCK_FILE = 'in-use.lock'

/** An operator's backup tool may hold the file for a moment. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens the catalog, made and migrated as needed.
 * @param directory exists and is writable
 * @throws EvaError `EVA_DIRECTORY_LOCKED` while another process has it, `EVA_STORAGE_FAILED` for a file that is no catalog
 */
export async function openSqliteCatalog(directory: string): Promise<CatalogDatabase> {
  const lock = await lockDirectory(directory)
  try {
    const file = await openSqliteFile(join(directory, CATALOG_FILE))
    return await migrated(file, lock)
  } catch (thrown) {
    lock.close()
    throw thrown
  }
}

async function migrated(file: SqliteFile, lock: SqliteFile): Promise<CatalogDatabase> {
  const sql = new Kysely<CatalogTables>({ dialect: new SqliteDialect({ database: file }) })
  try {
    file.run(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
    file.run('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on')
    await migrateCatalog(sql, 'blob')
  } catch (thrown) {
    // kysely closes only what it has begun to use.
    file.close()
    throw thrown
  }
  return {
    sql,
    close: async () => {
      // A binding may keep the file open until its statements are collected: what the log holds goes into the file now.
      file.run('pragma wal_checkpoint(truncate)')
      await sql.destroy()
      lock.close()
    },
  }
}

/**
 * An open exclusive transaction on a file of its own: the system drops it with the process, however that ends, and the
 * catalog itself stays readable to backup tools. Two services would serve each other's edits from stale caches.
 */
async function lockDirectory(directory: string): Promise<SqliteFile> {
  const lock = await openSqliteFile(join(directory, LOCK_FILE))
  try {
    lock.run('begin exclusive')
    return lock
  } catch (thrown) {
    lock.close()
    if (thrown instanceof EvaError && thrown.code === 'EVA_DIRECTORY_LOCKED')
      throw new EvaError('EVA_DIRECTORY_LOCKED', { details: { path: directory, flag: '--data' }, cause: thrown })
    throw thrown
  }
}
