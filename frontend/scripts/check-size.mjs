// The budget of what a browser loads before it shows the first page: entry script, its static
// imports and the style sheet, gzipped. Lazy chunks do not count.
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUDGET_BYTES = 400_000
const DIST = new URL('../dist/', import.meta.url)
const manifestFile = new URL('.vite/manifest.json', DIST)

if (!existsSync(manifestFile)) {
  console.error('There is no build: run `npm run build` first')
  process.exit(1)
}
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))

function reached(key, seen = new Set()) {
  if (seen.has(key)) return seen
  seen.add(key)
  for (const next of manifest[key].imports ?? []) reached(next, seen)
  return seen
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
const files = new Set()
for (const key of reached(entry)) {
  files.add(manifest[key].file)
}
const sizes = [...files].map((file) => gzipSync(readFileSync(new URL(file, DIST))).length)
const total = sizes.reduce((sum, size) => sum + size, 0)
console.log(`initial JavaScript: ${(total / 1000).toFixed(1)} kB gzipped of ${BUDGET_BYTES / 1000}`)
if (total >= BUDGET_BYTES) process.exit(1)
