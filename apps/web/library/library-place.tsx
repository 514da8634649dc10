// The place "Library".
// Not the way to it (shell/app-shell.tsx).

export function LibraryPlace() {
  return (
    <header class="place-head">
      <h1>Library</h1>
    </header>
  )
}
