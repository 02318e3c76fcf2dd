import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const SERVER = process.env.MINUET_URL ?? 'http://127.0.0.1:8080'

export default defineConfig(({ command }) => ({
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: {
      '@': fileURLToPath(new URL('./src', import.meta.url)),
      // @rjsf/core names it in a helper for tests; it needs `eval` and is not installed.
      '@rjsf/validator-ajv8': fileURLToPath(
        new URL('./src/components/rjsfValidator.ts', import.meta.url),
      ),
    },
  },
  // The orchestrator puts a fresh nonce there for every page (services/orchestrator/site/).
  ...(command === 'build' ? { html: { cspNonce: '__CSP_NONCE__' } } : {}),
  server: { proxy: { '/api': SERVER } },
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    manifest: true,
    // Nothing inlined as data: URLs, which the content security policy refuses.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./tests/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    css: false,
    // So that the alias above holds inside it as well.
    server: { deps: { inline: [/@rjsf/] } },
  },
}))
