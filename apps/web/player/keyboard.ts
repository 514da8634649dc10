// The keys of the player, for the whole page.
// Not those of a field or a slider: who types or moves one keeps its keys.
// Invariant: every key stands in KEYS, which the help sheet shows; keys held with Ctrl, Alt or Meta are the browser's.

import type { Signal } from '@preact/signals'
import type { Player } from './player.ts'

interface KeyTargets {
  readonly player: Player
  readonly isHelpOpen: Signal<boolean>
}

interface KeyUse {
  /** As `KeyboardEvent.key` says them. */
  readonly keys: readonly string[]
  /** As people read them. */
  readonly shown: string
  readonly means: string
  act(targets: KeyTargets): void
}

export const KEYS: readonly KeyUse[] = [
  { keys: [' ', 'k'], shown: 'Space or K', means: 'Play or pause', act: ({ player }) => player.toggle() },
  { keys: ['j'], shown: 'J', means: '10 seconds back', act: ({ player }) => player.seekBy(-10) },
  { keys: ['l'], shown: 'L', means: '10 seconds on', act: ({ player }) => player.seekBy(10) },
  { keys: ['ArrowLeft'], shown: '←', means: '5 seconds back', act: ({ player }) => player.seekBy(-5) },
  { keys: ['ArrowRight'], shown: '→', means: '5 seconds on', act: ({ player }) => player.seekBy(5) },
  { keys: ['ArrowUp'], shown: '↑', means: 'Louder', act: ({ player }) => player.setVolume(player.volume.value + 0.05) },
  { keys: ['ArrowDown'], shown: '↓', means: 'Quieter', act: ({ player }) => player.setVolume(player.volume.value - 0.05) },
  { keys: ['n'], shown: 'N', means: 'Next song', act: ({ player }) => player.next() },
  { keys: ['p'], shown: 'P', means: 'Previous song', act: ({ player }) => player.previous() },
  { keys: ['m'], shown: 'M', means: 'Sound off or on', act: ({ player }) => player.toggleMuted() },
  { keys: ['s'], shown: 'S', means: 'Shuffle', act: ({ player }) => player.toggleShuffle() },
  { keys: ['r'], shown: 'R', means: 'Repeat', act: ({ player }) => player.turnRepeat() },
  { keys: ['/'], shown: '/', means: 'Search', act: () => toSearch() },
  {
    keys: ['?'],
    shown: '?',
    means: 'These keys',
    act: ({ isHelpOpen }) => {
      isHelpOpen.value = !isHelpOpen.value
    },
  },
]

const OWN_KEYS = 'input, textarea, select, dialog, [contenteditable]'

export function pressed(event: KeyboardEvent, targets: KeyTargets): void {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
  const { target } = event
  if (!(target instanceof Element) || target.closest(OWN_KEYS) !== null) return
  // The space bar presses the button that has the focus.
  if (event.key === ' ' && target.closest('button, a') !== null) return
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const use = KEYS.find(({ keys }) => keys.includes(key))
  if (use === undefined) return
  event.preventDefault()
  use.act(targets)
}

/** The library stands behind every other place: its search is where one finds songs. */
function toSearch(): void {
  const find = () => document.querySelector<HTMLInputElement>('#search')
  const here = find()
  // At once where it is here: the next key may be the first letter.
  here?.focus()
  if (here !== null) return
  window.addEventListener('hashchange', () => requestAnimationFrame(() => find()?.focus()), { once: true })
  location.hash = '#/songs'
}
