// The place "Manage": the token where one is needed, uploads, the folder, and the songs to edit and delete.
// Not the acts (operator-desk.ts).
// Invariant: nothing is shown that could not be done: without an operator behind this page it says so.

import { useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'
import { FolderCard } from './folder-card.tsx'
import type { OperatorDesk } from './operator-desk.ts'
import { SongManager } from './song-manager.tsx'
import { UploadCard } from './upload-card.tsx'

export function OperatorPlace() {
  const { about, operator: desk } = useServices()
  const operator = about.value?.operator ?? null
  return (
    <div class="manage">
      <header class="place-head">
        <h1>Manage</h1>
      </header>
      {operator === null && <p>This page is served by a listener's own peer: there is no library to manage here.</p>}
      {operator?.needsToken === true && desk.token.value === '' && <TokenForm desk={desk} />}
      {operator !== null && (!operator.needsToken || desk.token.value !== '') && (
        <>
          <UploadCard desk={desk} />
          <FolderCard desk={desk} />
          <SongManager desk={desk} />
        </>
      )}
    </div>
  )
}

function TokenForm({ desk }: { readonly desk: OperatorDesk }) {
  const [token, setToken] = useState('')
  const trouble = desk.tokenTrouble.value
  return (
    <form
      class="card manage-form"
      onSubmit={event => {
        event.preventDefault()
        void desk.tryToken(token.trim())
      }}
    >
      <label for="operator-token">Operator token</label>
      <input
        id="operator-token"
        type="password"
        autocomplete="current-password"
        required
        aria-describedby="operator-token-trouble"
        aria-invalid={trouble !== ''}
        value={token}
        onInput={({ currentTarget }) => setToken(currentTarget.value)}
      />
      <p id="operator-token-trouble" class="manage-trouble" role="alert">
        {trouble}
      </p>
      <p>
        It was shown at the first start, and is kept in <code>metadata/operator-token</code> of the data directory.
      </p>
      <button type="submit" class="manage-button">
        Go on
      </button>
    </form>
  )
}
