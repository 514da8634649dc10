// What the operator may do in a demo: stop the origin for a while, and have more listeners come.
// Not the doing: the demo's routes do it.
// Invariant: an act that is under way cannot be begun twice, and its outcome is said in words.

import { useSignal } from '@preact/signals'
import { ApiFailure } from '../api/page-api.ts'
import { useServices } from '../shell/page-services.ts'

export function DemoActs() {
  const { api } = useServices()
  const isBusy = useSignal(false)
  const words = useSignal('')
  const act = async (path: string, done: string) => {
    isBusy.value = true
    words.value = await api.call(`/api/operator/demo/${path}`, { method: 'POST' }).then(
      () => done,
      thrown => (thrown instanceof ApiFailure ? thrown.message : 'It did not work.'),
    )
    isBusy.value = false
  }
  return (
    <section class="swarm-acts" aria-label="Demo">
      <button
        type="button"
        class="swarm-act"
        disabled={isBusy.value}
        onClick={() => void act('unplug-origin', 'The origin is off for 20 seconds. The music goes on.')}
      >
        Pull the plug on the origin for 20 s
      </button>
      <button
        type="button"
        class="swarm-act"
        disabled={isBusy.value}
        onClick={() => void act('add-listeners', 'Five more listeners have come.')}
      >
        Add five listeners
      </button>
      <p role="status">{words.value}</p>
    </section>
  )
}
