// A song's or an album's cover, or a quiet field where there is none.
// Not fetched by hand: the browser does, and keeps it.
// Invariant: it says nothing that the text beside it does not say, so it is hidden from who listens to the page.

import { useState } from 'preact/hooks'
import { Icon } from '../shell/icon.tsx'

export function Cover({ songId, seed }: { readonly songId: string | undefined; readonly seed: string }) {
  const [failed, setFailed] = useState<string>()
  const isShown = songId !== undefined && failed !== songId
  return (
    <span class="cover" data-tint={tintOf(seed)}>
      {isShown ? (
        <img src={`/covers/${encodeURIComponent(songId)}`} alt="" loading="lazy" decoding="async" onError={() => setFailed(songId)} />
      ) : (
        <Icon name="note" />
      )}
    </span>
  )
}

/** One of six quiet colours, the same for the same words. */
function tintOf(seed: string): number {
  let sum = 0
  for (const character of seed) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997
  return sum % 6
}
