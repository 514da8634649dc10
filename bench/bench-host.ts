// Where processes of a bench run and are asked from: this machine's loopback, or a host of a shaped network.
// Not the network (shaped-network.ts).
// Invariant: a question is asked from the host itself, so that an address of its own loopback means that host.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface BenchHost {
  readonly name: string
  readonly address: string
  /** What stands before a command that runs on the host. */
  readonly through: readonly string[]
}

export const LOOPBACK: BenchHost = Object.freeze({ name: 'loopback', address: '127.0.0.1', through: [] })

const ANSWER_MAX_BYTES = 64 * 1024 * 1024
const ANSWER_TIMEOUT_SECONDS = 30

/** @returns what the URL answers, as JSON */
export async function askFrom(host: BenchHost, url: string): Promise<unknown> {
  if (host.through.length === 0) return (await fetch(url)).json()
  const curl = ['curl', '-sSf', '--max-time', String(ANSWER_TIMEOUT_SECONDS), url]
  return JSON.parse(await runOn(host, curl))
}

/** @returns what the command said on standard output */
export async function runOn({ through }: BenchHost, words: readonly string[]): Promise<string> {
  const [command = '', ...args] = [...through, ...words]
  return (await promisify(execFile)(command, args, { maxBuffer: ANSWER_MAX_BYTES })).stdout
}
