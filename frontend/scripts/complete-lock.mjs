// Make package-lock.json hold on every platform and with every registry.
//
// npm writes down only what this machine's registry served. Optional packages of other platforms
// may be missing (then `npm ci` refuses the lock there), and `resolved` may name one registry's
// host. Added entries carry no integrity hash; a plain `npm install` elsewhere fills it in.
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('../package-lock.json', import.meta.url)
const SYSTEMS = [
  'android',
  'darwin',
  'win32',
  'freebsd',
  'openbsd',
  'netbsd',
  'sunos',
  'openharmony',
  'aix',
  'linux',
]
const PROCESSORS = [
  'arm64',
  'x64',
  'ia32',
  'riscv64',
  'ppc64',
  's390x',
  'loong64',
  'mips64el',
  'arm',
  'wasm32',
]

const lock = JSON.parse(readFileSync(FILE, 'utf8'))
const packages = lock.packages

function platform(name) {
  const base = name.split('/').pop()
  const os = SYSTEMS.find((each) => base.includes(each))
  const cpu = PROCESSORS.find((each) => base.includes(each))
  const libc = base.includes('musl') ? 'musl' : base.includes('gnu') ? 'glibc' : undefined
  return {
    ...(os ? { os: [os] } : {}),
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(libc ? { libc: [libc] } : {}),
  }
}

function isLocked(name) {
  return Object.keys(packages).some(
    (path) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`),
  )
}

let added = 0
for (const owner of Object.values(packages)) {
  for (const [name, range] of Object.entries(owner.optionalDependencies ?? {})) {
    if (isLocked(name)) continue
    packages[`node_modules/${name}`] = {
      version: range.replace(/^[~^]/, ''),
      ...(owner.dev ? { dev: true } : {}),
      optional: true,
      ...platform(name),
    }
    added += 1
  }
}
for (const entry of Object.values(packages)) delete entry.resolved

lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([left], [right]) => (left < right ? -1 : 1)),
)
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${added} entries of other platforms added`)
