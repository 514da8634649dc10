// The songs as their operator edits and deletes them: found by search, one open at a time.
// Not the listener's list (library/song-list.tsx).
// Invariant: nothing is deleted by one press alone, and what failed is said where it was tried.

import type { LibrarySongs } from '@evastream/protocol/library-http'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiFailure, pathWith } from '../api/page-api.ts'
import { useServices } from '../shell/page-services.ts'
import type { OperatorDesk } from './operator-desk.ts'

type Song = LibrarySongs['songs'][number]

const SHOWN_MAX = 50
const FIELDS = [
  ['title', 'Title'],
  ['artist', 'Artist'],
  ['album', 'Album'],
] as const

export function SongManager({ desk }: { readonly desk: OperatorDesk }) {
  const { api } = useServices()
  const [query, setQuery] = useState('')
  const [found, setFound] = useState<LibrarySongs>()
  const [openId, setOpenId] = useState<string>()
  const [deleted, setDeleted] = useState<string>()
  const search = useRef<HTMLInputElement>(null)
  const changes = desk.changes.value
  useEffect(() => {
    const stop = new AbortController()
    const path = pathWith('/api/library/songs', { query, limit: SHOWN_MAX })
    api.call<LibrarySongs>(path, { signal: stop.signal }).then(setFound, () => setFound(undefined))
    return () => stop.abort()
  }, [api, query, changes])
  return (
    <section class="card" aria-label="Songs">
      <h2>Songs</h2>
      <label for="manage-query">Find a song to edit or delete</label>
      <input id="manage-query" ref={search} type="search" value={query} onInput={({ currentTarget }) => setQuery(currentTarget.value)} />
      <p role="status">
        {found === undefined ? '' : `${found.total} found`}
        {deleted !== undefined && (
          <>
            . <bdi>{deleted}</bdi> was deleted.
          </>
        )}
      </p>
      <ul class="manage-songs">
        {found?.songs.map(song => (
          <li key={song.songId}>
            <button
              type="button"
              class="manage-song"
              aria-expanded={openId === song.songId}
              onClick={() => setOpenId(openId === song.songId ? undefined : song.songId)}
            >
              <bdi>{song.title}</bdi> <bdi class="manage-soft">{song.artist ?? ''}</bdi>
            </button>
            {openId === song.songId && (
              <SongEditor
                desk={desk}
                song={song}
                onDeleted={() => {
                  setDeleted(song.title)
                  search.current?.focus()
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

interface SongEditorProps {
  readonly desk: OperatorDesk
  readonly song: Song
  onDeleted(): void
}

function SongEditor({ desk, song, onDeleted }: SongEditorProps) {
  const [words, setWords] = useState('')
  const path = `/songs/${encodeURIComponent(song.songId)}`
  const fail = (thrown: unknown) => setWords(thrown instanceof Error ? thrown.message : 'It did not work.')
  const save = (form: HTMLFormElement) => {
    const data = new FormData(form)
    const entries = FIELDS.map(([name]) => [name, textOf(data.get(name)) || null] as const)
    const edit = Object.fromEntries(entries.filter(([name, value]) => name !== 'title' || value !== null))
    void desk.call(path, { method: 'PATCH', body: edit }).then(() => setWords('Saved.'), fail)
  }
  return (
    <form
      class="manage-form"
      onSubmit={event => {
        event.preventDefault()
        save(event.currentTarget)
      }}
    >
      {FIELDS.map(([name, label]) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={song[name] ?? ''} required={name === 'title'} maxLength={512} />
        </label>
      ))}
      <p role="status">{words}</p>
      <button type="submit" class="manage-button">
        Save
      </button>
      <DeleteQuestion
        onDelete={() => void desk.call(path, { method: 'DELETE' }).then(onDeleted, thrown => (isGone(thrown) ? onDeleted() : fail(thrown)))}
      />
    </form>
  )
}

/** Somebody else has deleted it. */
function isGone(thrown: unknown): boolean {
  return thrown instanceof ApiFailure && thrown.code === 'EVA_SONG_NOT_FOUND'
}

/** Asks before it acts; the keys stay where the question is. */
function DeleteQuestion({ onDelete }: { onDelete(): void }) {
  const [isAsking, setAsking] = useState(false)
  const [ask, keep] = [useRef<HTMLButtonElement>(null), useRef<HTMLButtonElement>(null)]
  const wasAsking = useRef(false)
  useEffect(() => {
    if (isAsking) keep.current?.focus()
    else if (wasAsking.current) ask.current?.focus()
    wasAsking.current = isAsking
  }, [isAsking])
  if (!isAsking)
    return (
      <button type="button" class="manage-button is-danger" ref={ask} onClick={() => setAsking(true)}>
        Delete…
      </button>
    )
  return (
    <fieldset class="manage-question">
      <legend>Delete this song for every listener? A file in your folder stays where it is.</legend>
      <button type="button" class="manage-button is-danger" onClick={onDelete}>
        Delete for every listener
      </button>
      <button type="button" class="manage-button" ref={keep} onClick={() => setAsking(false)}>
        Keep it
      </button>
    </fieldset>
  )
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === 'string' ? value.trim() : ''
}
