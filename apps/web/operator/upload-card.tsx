// Uploads: a place to drop files on, a button for who does not drag, and how far each file is.
// Not their sending (operator-desk.ts).
// Invariant: every state is told in words, not by a bar or a colour alone.

import { useState } from 'preact/hooks'
import type { OperatorDesk, Upload } from './operator-desk.ts'

const WORDS = { waiting: 'waits', running: 'on its way', published: 'published', known: 'was here already', failed: 'left out' } as const

export function UploadCard({ desk }: { readonly desk: OperatorDesk }) {
  const [isOver, setOver] = useState(false)
  return (
    <section
      class={`card manage-drop${isOver ? ' is-over' : ''}`}
      aria-label="Upload songs"
      onDragOver={event => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={event => {
        event.preventDefault()
        setOver(false)
        desk.upload(event.dataTransfer?.files ?? [])
      }}
    >
      <h2>Upload songs</h2>
      <label for="upload-files">Drop audio files here, or choose them:</label>
      <input
        id="upload-files"
        type="file"
        accept="audio/*,.flac,.opus,.m4a,.mka"
        multiple
        onChange={({ currentTarget }) => {
          desk.upload([...(currentTarget.files ?? [])])
          currentTarget.value = ''
        }}
      />
      <ul class="manage-uploads" aria-live="polite">
        {desk.uploads.value.map((upload, place) => (
          <UploadLine key={place} upload={upload} />
        ))}
      </ul>
    </section>
  )
}

function UploadLine({ upload }: { readonly upload: Upload }) {
  const { name, share, outcome, reason } = upload
  return (
    <li>
      <bdi class="one-line">{name}</bdi>
      {outcome === 'running' && <progress aria-label={`Upload of ${name}`} value={share} max={1} />}
      <span>{reason === undefined ? WORDS[outcome] : `${WORDS[outcome]}: ${reason}`}</span>
    </li>
  )
}
