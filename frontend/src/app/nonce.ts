import { setNonce } from 'get-nonce'

/** The nonce of this page, under which the content security policy lets style elements stand. */
export function pageNonce(): string | undefined {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce || undefined
}

/** Tell the library that locks scrolling under dialogs. CodeMirror: `EditorView.cspNonce.of()`. */
export function allowOwnStyles(): void {
  const nonce = pageNonce()
  if (nonce !== undefined) setNonce(nonce)
}
