// WebTorrent, libtorrent, aria2 and plain HTTP: how each is started, and what has to be installed for it.
// Not the crowd around them (outside-crowd.ts).
// Invariant: each takes the song from the same kind of origin, over TCP, with as many peers as there are.

import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { toEvaError } from '@evastream/core/errors'
import { gated } from '../crowd/gated-process.ts'
import type { CrowdSystem } from './crowd-system.ts'
import { type OutsideSystem, runOutside } from './outside-crowd.ts'

const SYSTEM_PYTHON = '/usr/bin/python3'
const LEECH_PATH = fileURLToPath(new URL('./libtorrent/leech.py', import.meta.url))
const WEBTORRENT_DRIVER_PATH = fileURLToPath(new URL('./webtorrent/main.ts', import.meta.url))
/** Where `npm run bench:install-webtorrent` puts it. */
const WEBTORRENT_PLACE = fileURLToPath(new URL('../../node_modules/.cache/evastream-bench', import.meta.url))
const WEBTORRENT_PATH = join(WEBTORRENT_PLACE, 'node_modules', 'webtorrent', 'index.js')
const ARIA2_FLAGS = '--enable-dht=false --enable-dht6=false --bt-enable-lpd=false --disable-ipv6 --no-conf --seed-ratio=0.0'
const ARIA2_MORE_FLAGS = '--bt-max-peers=0 --file-allocation=none --summary-interval=0 --show-console-readout=false'

const http: OutsideSystem = {
  hasTracker: false,
  command: ({ originUrl }) => gated(['curl', '-sSf', '-o', 'song.bin', '-w', 'FIRST %{time_starttransfer}\\n', originUrl]),
}

const libtorrent: OutsideSystem = {
  hasTracker: true,
  command: ({ torrentPath, directory, address, port }) => [SYSTEM_PYTHON, LEECH_PATH, torrentPath, directory, address, String(port)],
}

const webtorrent: OutsideSystem = {
  hasTracker: true,
  command: ({ torrentPath, directory }) => [process.execPath, ...process.execArgv, WEBTORRENT_DRIVER_PATH, torrentPath, directory],
  env: { WEBTORRENT: WEBTORRENT_PATH },
}

/** It does not end when it has the file, but runs a program then. */
const ARIA2_GATE = 'printf "#!/bin/sh\\necho DONE 0\\n" > teller; chmod 700 teller; echo READY; read go; exec "$@"'

const aria2: OutsideSystem = {
  hasTracker: true,
  command: ({ torrentPath, directory, port }) => {
    const own = [`--listen-port=${port}`, `--on-bt-download-complete=${directory}/teller`, torrentPath]
    return ['sh', '-c', ARIA2_GATE, 'sh', 'aria2c', ...ARIA2_FLAGS.split(' '), ...ARIA2_MORE_FLAGS.split(' '), ...own]
  },
}

export const OTHER_SYSTEMS: readonly CrowdSystem[] = [
  {
    name: 'webtorrent',
    obstacle: async () => (await missing(access(WEBTORRENT_PATH), 'npm run bench:install-webtorrent')) ?? nginxMissing(),
    run: plan => runOutside(webtorrent, plan),
  },
  {
    name: 'libtorrent',
    obstacle: async () => (await cannotRun(SYSTEM_PYTHON, ['-c', 'import libtorrent'], 'python3-libtorrent')) ?? nginxMissing(),
    run: plan => runOutside(libtorrent, plan),
  },
  {
    name: 'aria2',
    obstacle: async () => (await cannotRun('aria2c', ['--version'], 'aria2')) ?? nginxMissing(),
    run: plan => runOutside(aria2, plan),
  },
  {
    name: 'http',
    obstacle: async () => (await cannotRun('curl', ['--version'], 'curl')) ?? nginxMissing(),
    run: plan => runOutside(http, plan),
  },
]

function nginxMissing(): Promise<string | undefined> {
  return cannotRun('nginx', ['-v'], 'nginx-light')
}

function cannotRun(command: string, args: readonly string[], debianPackage: string): Promise<string | undefined> {
  return missing(promisify(execFile)(command, args), `apt-get install ${debianPackage}`)
}

async function missing(attempt: Promise<unknown>, install: string): Promise<string | undefined> {
  try {
    await attempt
    return undefined
  } catch (thrown) {
    return `it is not installed (${install}): ${toEvaError(thrown).message.split('\n')[0]}`
  }
}
