// References to values that are too large to stand inline: {"$cas": digest, "size_bytes": n}.

export interface Reference {
  digest: string
  sizeBytes: number
}

/** Null for what is no reference. */
export function readReference(value: unknown): Reference | null {
  if (typeof value !== 'object' || value === null) return null
  const { $cas: digest, size_bytes: size } = value as { $cas?: unknown; size_bytes?: unknown }
  if (typeof digest !== 'string') return null
  return { digest, sizeBytes: typeof size === 'number' ? size : 0 }
}

/** By name, in the order in which they stand. */
export function readReferences(value: unknown): [string, Reference][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => {
    const reference = readReference(each)
    return reference ? [[name, reference] as [string, Reference]] : []
  })
}

const UNITS = ['B', 'kB', 'MB', 'GB']

export function formatSize(bytes: number): string {
  const unit = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** unit
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}
