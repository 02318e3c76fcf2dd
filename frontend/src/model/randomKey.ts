/** 128 random bits in hex. Not `randomUUID`, which browsers withhold from plain-http addresses. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
