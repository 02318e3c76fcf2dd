// Write src/api/schema.d.ts from the orchestrator's OpenAPI document; no server is started.
// With --check nothing is written and a difference ends with status 1.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapiTypes, { astToString } from 'openapi-typescript'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FILE = new URL('../src/api/schema.d.ts', import.meta.url)
const HEADER = '// Written by `npm run schema` from the API; do not edit.\n'

const venv = `${ROOT}.venv/bin/python`
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : 'python3')
const document = JSON.parse(
  execFileSync(python, ['-m', 'minuet.services.orchestrator.describe'], {
    cwd: ROOT,
    maxBuffer: 1 << 26,
  }).toString(),
)
const source =
  HEADER +
  astToString(
    await openapiTypes(document, {
      alphabetize: true,
      emptyObjectsUnknown: true,
      defaultNonNullable: false,
    }),
  )

if (!process.argv.includes('--check')) {
  writeFileSync(FILE, source)
} else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== source) {
  console.error('src/api/schema.d.ts is not what the API says: run `npm run schema` and commit it')
  process.exit(1)
}
