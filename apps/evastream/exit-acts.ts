// What this process must not leave behind, whatever ends it: acts that end what it started and undo what it did to the machine.
// Not the usual way out: whoever started something ends it itself, and waits for that.
// Invariant: each act runs once, when this process ends by itself or by a signal that can be heard; however many there are, the process
// has one listener for them all.

const acts = new Set<() => void>()

/** Runs `act` if this process ends before the returned function was called. It must not wait for anything, and each one is another function. */
export function atExit(act: () => void): () => void {
  if (acts.size === 0) process.once('exit', runAll)
  acts.add(act)
  return () => {
    if (acts.delete(act) && acts.size === 0) process.off('exit', runAll)
  }
}

function runAll(): void {
  for (const act of acts) act()
}
