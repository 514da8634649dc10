// The player's buttons.
// Not what they do (player.ts).
// Invariant: every button says in words what it does, and what turns on and off says which it is.

import { Icon } from '../shell/icon.tsx'
import { useServices } from '../shell/page-services.ts'

const REPEAT_WORDS = { off: 'Repeat: off', all: 'Repeat: all songs', one: 'Repeat: this song' } as const

export function PlayButtons() {
  const { player } = useServices()
  const hasSong = player.song.value !== undefined
  const word = player.isPlaying.value ? 'Pause' : 'Play'
  return (
    <div class="buttons">
      <button type="button" class="round" aria-label="Previous song" disabled={!hasSong} onClick={() => player.previous()}>
        <Icon name="previous" />
      </button>
      <button
        type="button"
        class={`round play ${player.isWaiting.value ? 'is-waiting' : ''}`}
        aria-label={word}
        disabled={!hasSong}
        onClick={() => player.toggle()}
      >
        <Icon name={player.isPlaying.value ? 'pause' : 'play'} />
      </button>
      <button type="button" class="round" aria-label="Next song" disabled={!hasSong} onClick={() => player.next()}>
        <Icon name="next" />
      </button>
    </div>
  )
}

export function OrderButtons() {
  const { player } = useServices()
  const isShuffled = player.queue.value.unshuffled !== undefined
  const repeat = player.repeat.value
  return (
    <div class="buttons">
      <button type="button" class="round switch" aria-label="Shuffle" aria-pressed={isShuffled} onClick={() => player.toggleShuffle()}>
        <Icon name="shuffle" />
      </button>
      <button
        type="button"
        class="round switch"
        aria-label={REPEAT_WORDS[repeat]}
        data-on={repeat !== 'off'}
        onClick={() => player.turnRepeat()}
      >
        <Icon name="repeat" />
        {repeat === 'one' && <span class="switch-one">1</span>}
      </button>
    </div>
  )
}

export function VolumeControl() {
  const { player } = useServices()
  const isSilent = player.isMuted.value || player.volume.value === 0
  return (
    <div class="volume">
      <button type="button" class="round" aria-label="Sound off" aria-pressed={player.isMuted.value} onClick={() => player.toggleMuted()}>
        <Icon name={isSilent ? 'muted' : 'volume'} />
      </button>
      <input
        type="range"
        aria-label="Volume"
        aria-valuetext={`${Math.round(100 * player.volume.value)} %`}
        min={0}
        max={1}
        step={0.05}
        value={player.isMuted.value ? 0 : player.volume.value}
        onInput={event => player.setVolume(Number(event.currentTarget.value))}
      />
    </div>
  )
}
