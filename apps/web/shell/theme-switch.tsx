// The switch between the system's theme, light and dark.
// Not the theme itself (theme.ts).
// Invariant: the button says what is chosen now and what pressing it chooses.

import { Icon } from './icon.tsx'
import { useServices } from './page-services.ts'
import { THEMES, type ThemeChoice } from './theme.ts'

const WORDS: Readonly<Record<ThemeChoice, string>> = { system: 'As the system', light: 'Light', dark: 'Dark' }

export function ThemeSwitch() {
  const { theme } = useServices()
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
  const choose = () => {
    theme.value = next
  }
  const said = `Theme: ${WORDS[theme.value]}. Change to ${WORDS[next].toLowerCase()}`
  return (
    <button type="button" class="shell-theme" onClick={choose} aria-label={said} title={said}>
      <Icon name={theme.value} />
      <span aria-hidden="true">{WORDS[theme.value]}</span>
    </button>
  )
}
