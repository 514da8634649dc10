// The name by which the peer knows this page's queue from those of other pages.
// Not who the listener is: nobody learns that from it, and another tab has another name.
// Invariant: a page that is loaded again in its tab has the name it had.

const KEY = 'evastream.listener'
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 16

/** `storage`: the tab's; `chance`: a number from 0 to 1, each time another. */
export function listenerName(storage: Pick<Storage, 'getItem' | 'setItem'>, chance: () => number): string {
  const kept = storage.getItem(KEY)
  if (kept !== null) return kept
  const name = `page-${Array.from({ length: LENGTH }, () => LETTERS[Math.floor(chance() * LETTERS.length)]).join('')}`
  storage.setItem(KEY, name)
  return name
}
