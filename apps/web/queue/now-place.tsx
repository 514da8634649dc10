// The place "Now playing".
// Not the way to it (shell/app-shell.tsx).

export function NowPlace() {
  return (
    <header class="place-head">
      <h1>Now playing</h1>
    </header>
  )
}
