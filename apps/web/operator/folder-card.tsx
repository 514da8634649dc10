// How the operator's folder stands: its songs, what is still to be read, and what was left out and why.
// Not the folder's keeping.
// Invariant: asked for now and then while it is shown, and not otherwise.

import { useEffect, useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'
import type { OperatorDesk } from './operator-desk.ts'

interface FolderState {
  readonly folder: string
  readonly awayReason?: string
  readonly isBusy: boolean
  readonly songCount: number
  readonly pendingCount: number
  readonly missingCount: number
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
}

const ASK_AGAIN_MS = 2000

export function FolderCard({ desk }: { readonly desk: OperatorDesk }) {
  const { after } = useServices()
  const [state, setState] = useState<FolderState>()
  const changes = desk.changes.value
  useEffect(() => {
    let isShown = true
    const show = (next: FolderState) => {
      if (isShown) setState(next)
    }
    const ask = () => {
      if (!isShown) return
      void desk.call<FolderState>('/scan').then(show, forget)
      after(ASK_AGAIN_MS, ask)
    }
    ask()
    return () => {
      isShown = false
    }
  }, [desk, after, changes])
  if (state === undefined) return null
  const { folder, awayReason, isBusy, songCount, pendingCount, missingCount, refused } = state
  return (
    <section class="card" aria-label="The folder">
      <h2>
        <bdi>{folder}</bdi>
      </h2>
      <p>
        {songCount} {songCount === 1 ? 'song' : 'songs'}
        {isBusy && `, ${pendingCount} still to be read`}
        {missingCount > 0 && `, ${missingCount} missing: their songs go soon`}
        {awayReason !== undefined && `. It cannot be looked into (${awayReason}); its songs stay.`}
      </p>
      {refused.length > 0 && (
        <details>
          <summary>{refused.length} left out</summary>
          <ul>
            {refused.map(({ path, reason }) => (
              <li key={path}>
                <bdi>{path}</bdi>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  )
}

/** What went wrong is told by the next answer, or by the form that asks for the token. */
function forget(): void {}
