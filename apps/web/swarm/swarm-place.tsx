// The place "Swarm".
// Not the way to it (shell/app-shell.tsx).

export function SwarmPlace() {
  return (
    <header class="place-head">
      <h1>Swarm</h1>
    </header>
  )
}
