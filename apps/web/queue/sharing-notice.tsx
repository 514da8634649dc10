// What others will see of this listener, and the switch for it, shown once: before there is anything that could be given.
// Not the standing account of it (sharing-card.tsx).
// Invariant: it stays until it was read, and comes again only in another browser.

import { useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'
import { SharingField } from './sharing-field.tsx'
import { useSharing } from './sharing-watch.ts'

const KEY = 'evastream.sharing-read'

export function SharingNotice() {
  const { storage } = useServices()
  const [isRead, setRead] = useState(storage.getItem(KEY) !== null)
  return isRead ? null : <UnreadNotice onRead={() => setRead(true)} />
}

function UnreadNotice({ onRead }: { readonly onRead: () => void }) {
  const { storage } = useServices()
  const watch = useSharing()
  if (watch === undefined) return null
  const read = () => {
    storage.setItem(KEY, 'yes')
    onRead()
  }
  return (
    <aside class="notice" aria-label="Sharing">
      <div>
        <h2>Your peer shares what you listen to, if you like</h2>
        <SharingField watch={watch} />
        <p>You can change this at any time under “Now playing”.</p>
      </div>
      <button type="button" class="plain" onClick={read}>
        Understood
      </button>
    </aside>
  )
}
