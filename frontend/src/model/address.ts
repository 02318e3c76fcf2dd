// The API key in a link that `minuet up` prints: /#key=...

/** The key that `hash` carries, and the hash without it. A fragment never reaches a server. */
export function takeKey(hash: string): { key: string | null; rest: string } {
  const fields = new URLSearchParams(hash.replace(/^#/, ''))
  const key = fields.get('key')?.trim() || null
  if (key === null) return { key, rest: hash }
  fields.delete('key')
  const rest = fields.toString()
  return { key, rest: rest ? `#${rest}` : '' }
}
