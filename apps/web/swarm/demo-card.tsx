// The two buttons of a demo: pull the plug on the origin for a while, and bring five more listeners.
// Not their effect: the numbers and pictures around them show it.
// Invariant: a button that can do nothing now says why, keeps its place among the keys, and what failed is one sentence.

import type { DemoState } from '@evastream/protocol/demo-http'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'

type Act = 'unplug-origin' | 'add-listeners'

export function DemoCard() {
  const { api, events } = useServices()
  const told = useSignal<DemoState | undefined>(undefined)
  const trouble = useSignal('')
  const pressed = useSignal<Act | undefined>(undefined)
  useEffect(
    () =>
      events.watch<DemoState>({ topic: 'demo' }, value => {
        told.value = value
      }),
    [],
  )
  const state = told.value
  const act = async (name: Act) => {
    trouble.value = ''
    pressed.value = name
    try {
      told.value = await api.call<DemoState>(`/api/operator/demo/${name}`, { method: 'POST' })
    } catch (thrown) {
      trouble.value = thrown instanceof Error ? thrown.message : 'It did not work.'
    } finally {
      pressed.value = undefined
    }
  }
  const canUnplug = state?.isStoryTold === true && state.origin === 'here' && pressed.value !== 'unplug-origin'
  const canAdd = state?.isStoryTold === true && !state.isAdding && !isFull(state) && pressed.value !== 'add-listeners'
  return (
    <section class="swarm-card swarm-demo" aria-labelledby="swarm-demo">
      <h2 id="swarm-demo">This is a demo: try it</h2>
      <div class="swarm-acts">
        <ActButton isReady={canUnplug} note={originNote(state)} noteId="swarm-unplug-note" onPress={() => void act('unplug-origin')}>
          Pull the plug on the origin for 20 s
        </ActButton>
        <ActButton isReady={canAdd} note={listenersNote(state)} noteId="swarm-add-note" onPress={() => void act('add-listeners')}>
          Add five listeners
        </ActButton>
      </div>
      <p role="status" class={trouble.value === '' ? 'only-read-out' : 'swarm-warning'}>
        {trouble.value === '' ? eventWords(state) : trouble.value}
      </p>
    </section>
  )
}

interface ActButtonProps {
  readonly isReady: boolean
  readonly note: string
  readonly noteId: string
  readonly children: string
  onPress(): void
}

/** Not `disabled`: whoever pressed it by key would lose their place. */
function ActButton({ isReady, note, noteId, children, onPress }: ActButtonProps) {
  return (
    <div class="swarm-act">
      <button type="button" class="swarm-button" aria-disabled={!isReady} aria-describedby={noteId} onClick={() => isReady && onPress()}>
        {children}
      </button>
      <p id={noteId} class="swarm-note">
        {note}
      </p>
    </div>
  )
}

const FIRST_THE_STORY = 'The demo tells its story first; then it is your turn.'

function isFull({ listenersAdded, listenersMax }: DemoState): boolean {
  return listenersAdded >= listenersMax
}

function originNote(state: DemoState | undefined): string {
  if (state?.isStoryTold !== true) return FIRST_THE_STORY
  if (state.origin === 'lost') return 'It did not come back. The demo’s terminal can be ended and started again.'
  if (state.origin === 'here') return 'It answers. Without it, listeners carry on with what they hold.'
  return state.originBackInSeconds ? `It is away, and comes back in ${state.originBackInSeconds} s.` : 'It is coming back …'
}

function listenersNote(state: DemoState | undefined): string {
  if (state?.isStoryTold !== true) return FIRST_THE_STORY
  if (state.isAdding) return 'They are arriving …'
  if (isFull(state)) return `All ${state.listenersMax} that this machine is asked to carry are here.`
  return state.listenersAdded === 0
    ? 'Each is a process of its own.'
    : `${state.listenersAdded} of at most ${state.listenersMax} were added.`
}

/** For who does not see the page: what changed, without the seconds. */
function eventWords(state: DemoState | undefined): string {
  if (state === undefined) return ''
  const origin = { here: '', away: 'The origin is away. ', lost: 'The origin did not come back. ' }[state.origin]
  return `${origin}${state.isAdding ? 'Five listeners are arriving.' : ''}`
}
