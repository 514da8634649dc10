// The same work for many things, a bounded number of them at once.
// Not a queue that lives on: it is over when the last one is.
// Invariant: after a failure nothing more is begun, and the failure is thrown only when nothing is under way any more.

/** In order of beginning; `atOnceMax` bounds what runs together. @throws the first failure. */
export async function forEachBounded<T>(items: Iterable<T>, atOnceMax: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items].reverse()
  let hasFailed = false
  const lane = async () => {
    for (let item = queue.pop(); item !== undefined && !hasFailed; item = queue.pop())
      await work(item).catch(error => {
        hasFailed = true
        throw error
      })
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(atOnceMax, queue.length) }, lane))
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason
}
