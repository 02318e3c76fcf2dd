/** The end of an id tells runs apart; its beginning is the time. */
export function shortId(id: string): string {
  return id.length > 10 ? `…${id.slice(-8)}` : id
}
