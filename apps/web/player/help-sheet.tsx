// The sheet that says which keys do what.
// Not the keys (keyboard.ts).
// Invariant: it closes by Escape, by its button and by the key that opened it.

import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../shell/icon.tsx'
import { useServices } from '../shell/page-services.ts'
import { KEYS } from './keyboard.ts'

export function HelpSheet() {
  const { isHelpOpen } = useServices()
  const dialog = useRef<HTMLDialogElement>(null)
  const isOpen = isHelpOpen.value
  useEffect(() => {
    if (isOpen) dialog.current?.showModal()
    else dialog.current?.close()
  }, [isOpen])
  const close = () => {
    isHelpOpen.value = false
  }
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="help-title" onClose={close} onKeyDown={event => event.key === '?' && close()}>
      <header>
        <h2 id="help-title">Keys</h2>
        <button type="button" class="round" onClick={close} aria-label="Close">
          <Icon name="remove" />
        </button>
      </header>
      <dl class="sheet-keys">
        {KEYS.map(({ shown, means }) => (
          <div key={shown}>
            <dt>
              <kbd>{shown}</kbd>
            </dt>
            <dd>{means}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  )
}
