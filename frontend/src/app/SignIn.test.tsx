import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, it } from 'vitest'
import { api, unwrap } from '@/api/client'
import { enterFromAddress, useSession } from '@/store/session'
import { renderPage } from '../../tests/renderPage'
import { problem, serve } from '../../tests/server'
import { SignIn } from './SignIn'

beforeEach(() => useSession.getState().leave('first'))

it('lets in with a key that the server takes', async () => {
  const seen = serve({ '/info': () => ({ principal: 'ana' }) })
  renderPage(SignIn, '/')
  await userEvent.type(await screen.findByLabelText('API key'), ' mnt_good {Enter}')
  await expect.poll(() => useSession.getState().key).toBe('mnt_good')
  expect(seen[0]?.headers.get('Authorization')).toBe('Bearer mnt_good')
  expect(sessionStorage.getItem('minuet.key')).toBe('mnt_good')
})

it('says clearly that a key is refused', async () => {
  serve({ '/info': () => problem(401, 'unauthorized') })
  renderPage(SignIn, '/')
  await userEvent.type(await screen.findByLabelText('API key'), 'bad{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent('unknown or revoked')
  expect(useSession.getState().key).toBeNull()
})

it('takes the key out of the address', () => {
  window.history.replaceState(null, '', '/runs?status=failed#key=mnt_link')
  enterFromAddress()
  expect(useSession.getState().key).toBe('mnt_link')
  expect(window.location.href).toMatch(/\/runs\?status=failed$/)
})

it('asks again when a call is answered 401', async () => {
  useSession.getState().enter('mnt_old')
  serve({ '/info': () => problem(401, 'unauthorized') })
  await expect(unwrap(api.GET('/api/v1/info'))).rejects.toMatchObject({ status: 401 })
  expect(useSession.getState()).toMatchObject({ key: null, reason: 'refused' })
})
