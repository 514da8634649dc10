// Opens the house as its operator asked for it, and says so: addresses, QR code, token, keys.
// Not the house (house.ts) and not the words (welcome.ts, library-talk.ts).
// Invariant: talk goes to stderr alone; the terminal is given back when the house closes.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Logger } from '@evastream/service-kit/logger'
import { OPERATOR_TOKEN_FILE } from '@evastream/service-kit/operator-token'
import { printable } from '@evastream/service-kit/printable-text'
import type { RunningService } from '@evastream/service-kit/run-service'
import type { CommandHost } from '../command.ts'
import { type House, isLoopback, openHouse } from './house.ts'
import { listenToKeys, openInBrowser } from './key-commands.ts'
import { lanAddress } from './lan-address.ts'
import { LibraryTalk } from './library-talk.ts'
import type { ServeValues } from './serve-options.ts'
import { welcome } from './welcome.ts'

interface ServeWish {
  readonly values: ServeValues
  readonly folder: string
}

/** Resolves when everything listens; songs are published from then on. @throws as `openHouse` */
export async function openForPeople({ values, folder }: ServeWish, deps: { logger: Logger; host: CommandHost }): Promise<RunningService> {
  const { logger, host } = deps
  const say = (line: string): void => void host.stderr.write(`${line}\n`)
  const address = values.lan && isLoopback(values.host) ? lanAddress() : values.host
  const dataDir = resolve(values.data)
  const isFirstStart = !existsSync(join(dataDir, 'metadata', OPERATOR_TOKEN_FILE)) && !host.env.EVASTREAM_ADMIN_TOKEN
  const price = values['price-per-gb']
  const listener = new LibraryTalk({ say }, { folder: resolve(folder) })
  const house = await openHouse(
    { logger, listener, env: host.env },
    {
      folder,
      dataDir,
      host: address,
      port: values.port,
      pricePerGb: price === undefined ? undefined : Number(price),
      cacheSize: values['cache-size'],
      settleMs: values['scan.settleMs'],
      graceMs: values['scan.graceMs'],
      intervalMs: values['scan.intervalMs'],
    },
  )
  const isTerminal = !values.json && host.stdin.isTTY && host.stderr.isTTY
  if (!values.json) host.stderr.write(welcome(house, { isLan: !isLoopback(address), isFirstStart, isTerminal, dataDir }))
  const giveBack = isTerminal ? listenToKeys(host.stdin, keyActions(house, say)) : () => undefined
  void house.keepFolder().catch(thrown => logger.error({ err: thrown }, 'the folder cannot be kept'))
  return {
    service: house.service,
    url: house.url,
    close: async () => {
      giveBack()
      await house.close()
    },
  }
}

function keyActions({ url }: House, say: (line: string) => void) {
  return {
    open: () => openInBrowser(url, () => say(`No browser could be opened: the page is at ${printable(url)}`)),
    quit: () => void process.kill(process.pid, 'SIGINT'),
  }
}
