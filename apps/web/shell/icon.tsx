// The page's icons: one small set, drawn with the pen of the text around them.
// Not their meaning: a button names itself in words; an icon is hidden from who listens to the page.
// Invariant: every icon fills a square of 24, in one colour.

const PATHS = {
  albums: 'M4 5h16v14H4zM12 12m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0M12 12h.01',
  library: 'M5 4v16M10 4v16M15 4.5l4 15',
  now: 'M12 12m-9 0a9 9 0 1 0 18 0a9 9 0 1 0-18 0M10 8.5v7l6-3.5z',
  swarm:
    'M12 12m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M5 6m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M19 6m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M19 18m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6.6 7.2l3.8 3.3M17.4 7.2l-3.8 3.3M7.4 17.6l3.2-4M17.4 16.8l-3.6-3.3',
  manage: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 7m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M8 17m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0',
  light:
    'M12 12m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  system: 'M3 5h18v11H3zM8 20h8M12 16v4',
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8.5 6v12M15.5 6v12',
  next: 'M6 6.5v11l8.5-5.5zM18 6v12',
  previous: 'M18 6.5v11L9.5 12zM6 6v12',
  repeat: 'M17 3l3 3-3 3M4 11V9a3 3 0 0 1 3-3h13M7 21l-3-3 3-3M20 13v2a3 3 0 0 1-3 3H4',
  shuffle: 'M17 4l3 3-3 3M17 14l3 3-3 3M4 7h3.5c5 0 4.5 10 9.5 10h3M4 17h3.5c1.8 0 2.8-1.3 3.6-3M13 10c.8-1.7 1.9-3 4-3h3',
  volume: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  muted: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 10l4.5 4.5M20.5 10L16 14.5',
  search: 'M11 11m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M16 16l4.5 4.5',
  note: 'M9 18V6l10-2v12M9 18m-3 0a3 2.5 0 1 0 6 0a3 2.5 0 1 0-6 0M19 16m-3 0a3 2.5 0 1 0 6 0a3 2.5 0 1 0-6 0',
  add: 'M12 5v14M5 12h14',
  remove: 'M6 6l12 12M18 6L6 18',
  help: 'M12 12m-9 0a9 9 0 1 0 18 0a9 9 0 1 0-18 0M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .9-1 1.7M12 16.8h.01',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
