// Dark or light: as the system says, until the listener says otherwise; that is kept.
// Not the colours: style/tokens.css has them, for both.
// Invariant: what is shown is what `choice` says, from the first moment on and in every page of this address.

import { effect, type Signal, signal } from '@preact/signals'

export const THEMES = ['system', 'light', 'dark'] as const
export type ThemeChoice = (typeof THEMES)[number]

export interface ThemeDeps {
  readonly root: HTMLElement
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>
}

const KEY = 'evastream.theme'

export function makeTheme({ root, storage }: ThemeDeps): Signal<ThemeChoice> {
  const kept = storage.getItem(KEY)
  const choice = signal(THEMES.find(name => name === kept) ?? 'system')
  effect(() => {
    storage.setItem(KEY, choice.value)
    if (choice.value === 'system') delete root.dataset.theme
    else root.dataset.theme = choice.value
  })
  return choice
}
