// Lists of songs: which ones, in what order, one page after another.
// Not a ranking: songs come by folded title, then by id, whatever was asked.
// Invariant: walking the pages of an unchanging catalog shows every matching song exactly once.

import { EvaError } from '@evastream/core/errors'
import { LIST_LIMIT_DEFAULT, type ListQuery, type SongList } from '@evastream/protocol/metadata-http'
import { sql } from 'kysely'
import type { CatalogQueries } from './catalog-tables.ts'
import { containing, foldedWords } from './folded-text.ts'
import { SUMMARY_COLUMNS, summaryOfRow } from './song-rows.ts'

/** Where a page ended: the sort key and the id of its last song. */
interface Position {
  readonly sortTitle: string
  readonly id: string
}

/** @throws EvaError `EVA_REQUEST_INVALID` for a cursor that was not handed out */
export async function searchSongs(
  database: CatalogQueries,
  { query = '', limit = LIST_LIMIT_DEFAULT, cursor }: ListQuery,
): Promise<SongList> {
  let select = database
    .selectFrom('song')
    .select([...SUMMARY_COLUMNS, 'sort_title'])
    .orderBy('sort_title')
    .orderBy('id')
  for (const word of foldedWords(query)) select = select.where(sql<boolean>`search_text like ${containing(word)} escape '\\'`)
  if (cursor !== undefined) {
    const { sortTitle, id } = readCursor(cursor)
    select = select.where(where => where.eb(where.refTuple('sort_title', 'id'), '>', where.tuple(sortTitle, id)))
  }
  const rows = await select.limit(limit + 1).execute()
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const songs = page.map(summaryOfRow)
  return rows.length > limit && last !== undefined
    ? { songs, nextCursor: cursorOf({ sortTitle: last.sort_title, id: last.id }) }
    : { songs }
}

function cursorOf({ sortTitle, id }: Position): string {
  return Buffer.from(JSON.stringify([sortTitle, id])).toString('base64url')
}

function readCursor(cursor: string): Position {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string')
      return { sortTitle: value[0], id: value[1] }
  } catch (cause) {
    throw badCursor(cause)
  }
  throw badCursor()
}

function badCursor(cause?: unknown): EvaError {
  const reason = '"cursor" is not one that a list ended with; leave it out to begin anew'
  return new EvaError('EVA_REQUEST_INVALID', { details: { field: 'cursor', reason }, cause })
}
