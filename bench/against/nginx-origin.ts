// The origin of other systems: nginx as one process, with a log of the bytes it sent.
// Not a configuration for anything else: the fastest way it knows, and no more.
// Invariant: what was sent is read after the process has ended, when its log is whole.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchHost } from '../bench-host.ts'
import { GatedProcess } from '../crowd/gated-process.ts'

export const ORIGIN_PORT = 8191

/** @param directory with a folder `www` of the files to serve */
export async function startNginx(host: BenchHost, directory: string): Promise<GatedProcess> {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${directory}/nginx/${name};`)
  await mkdir(join(directory, 'nginx'))
  const configuration = `master_process off; daemon off; pid ${directory}/nginx/pid; error_log ${directory}/nginx/errors;
    events { worker_connections 4096; }
    http { sendfile on; tcp_nopush on; keepalive_requests 1000000; ${paths.join(' ')} log_format sent '$body_bytes_sent';
      access_log ${directory}/nginx/sent sent;
      server { listen ${host.address}:${ORIGIN_PORT}; root ${directory}/www; } }`
  await writeFile(join(directory, 'nginx', 'conf'), configuration)
  const command = ['nginx', '-c', join(directory, 'nginx', 'conf'), '-p', directory, '-e', join(directory, 'nginx', 'errors')]
  return new GatedProcess({ name: 'nginx', command, through: host.through })
}

export async function nginxSentBytes(directory: string): Promise<number> {
  return sentBytesIn(await readFile(join(directory, 'nginx', 'sent'), 'utf8'))
}

export function sentBytesIn(log: string): number {
  return log
    .split('\n')
    .filter(line => line !== '')
    .reduce((sum, line) => sum + Number(line), 0)
}
