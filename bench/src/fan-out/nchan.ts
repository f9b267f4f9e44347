import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { cacheDirectory, freePort } from '@zenstack-live/testing'
import { EVENT_NAME, eventData } from './event-text.ts'
import { startLineProcess } from './line-process.ts'
import { pinned } from './native-tools.ts'
import { END_OF_HEAD, type Peer, type RunningPeer } from './peer.ts'
import { childrenOf } from './process-cost.ts'

/** Nginx with the Nchan module, or why it cannot be had here. */
export function findNchan(directory: string): Peer | { name: string; missing: string } {
  const name = 'nchan'
  const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((file) => existsSync(file))
  if (nginx === undefined) return { name, missing: 'Nchan was skipped: no nginx is installed (apt-get install nginx).' }
  const module = installedModule() ?? unpackedModule()
  if (module === undefined)
    return { name, missing: 'Nchan was skipped: its module is neither installed nor to be had from the distribution (libnginx-mod-nchan).' }
  return { name, start: () => start(nginx, module, directory) }
}

async function start(nginx: string, module: string, directory: string): Promise<RunningPeer> {
  const port = await freePort()
  const folder = join(directory, `nchan-${port}`)
  mkdirSync(folder)
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(module, folder, port))
  const program = startLineProcess(pinned(0, [nginx, '-c', file, '-p', folder, '-e', join(folder, 'error.log')]))
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  await answers(port, agent)
  // Nchan ends an id `<time>:<number>`; its length is as good as fixed.
  const body = JSON.stringify(eventData(`id: ${Math.floor(Date.now() / 1000)}:0\nevent: ${EVENT_NAME}\ndata: \n\n`.length))
  return {
    port,
    request: ['GET /sub HTTP/1.1', 'Host: 127.0.0.1', 'Accept: text/event-stream', '', ''].join('\r\n'),
    openMarker: END_OF_HEAD,
    pids: childrenOf(program.pid),
    async send(events) {
      await Promise.all(Array.from({ length: events }, () => publish(port, agent, body)))
    },
    collect: async () => {},
    async stop() {
      agent.destroy()
      process.kill(program.pid, 'SIGTERM')
      await program.stop()
    },
  }
}

function configuration(module: string, folder: string, port: number): string {
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `load_module ${module};
${user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
events { worker_connections 12000; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  nchan_max_reserved_memory 64M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /pub { nchan_publisher; nchan_channel_id all; nchan_message_buffer_length 20; }
    location = /sub { nchan_subscriber eventsource; nchan_channel_id all; nchan_subscriber_first_message newest; }
  }
}
`
}

function publish(port: number, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-eventsource-event': EVENT_NAME }
    const outgoing = request({ port, host: '127.0.0.1', path: '/pub', method: 'POST', agent, headers }, (response) => {
      response.resume().once('end', resolve)
    })
    outgoing.once('error', reject).end(body)
  })
}

async function answers(port: number, agent: Agent): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await publish(port, agent, '{}')
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function installedModule(): string | undefined {
  return ['/usr/lib/nginx/modules/ngx_nchan_module.so', '/usr/lib64/nginx/modules/ngx_nchan_module.so'].find((file) => existsSync(file))
}

/** The distribution's package, unpacked beside the other downloads without installing anything. */
function unpackedModule(): string | undefined {
  const folder = join(cacheDirectory(), 'nchan')
  const module = join(folder, 'usr/lib/nginx/modules/ngx_nchan_module.so')
  if (existsSync(module)) return module
  if (!existsSync('/etc/os-release') || !/debian|ubuntu/i.test(readFileSync('/etc/os-release', 'utf8'))) return undefined
  const aside = `${folder}-${process.pid}`
  try {
    mkdirSync(aside, { recursive: true })
    spawnSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=', 'libnginx-mod-nchan'], { cwd: aside, stdio: 'ignore' })
    const [archive] = readdirSync(aside).filter((name) => name.endsWith('.deb'))
    if (archive === undefined || spawnSync('dpkg', ['-x', archive, '.'], { cwd: aside, stdio: 'ignore' }).status !== 0) return undefined
    if (!existsSync(folder)) renameSync(aside, folder)
    return existsSync(module) ? module : undefined
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}
