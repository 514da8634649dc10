// Work on one thing waits for earlier work on the same thing; work on other things does not.
// Not a limit on how much runs at once.
// Invariant: for each key one work runs after another, in the order in which they were asked for.

export class KeyedTurns<Key> {
  readonly #last = new Map<Key, Promise<unknown>>()

  take<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work)
    const leave = () => {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    }
    const settled: Promise<void> = turn.then(leave, leave)
    this.#last.set(key, settled)
    return turn
  }

  /** Resolves when all work asked for so far has ended, well or badly. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values())
  }
}
