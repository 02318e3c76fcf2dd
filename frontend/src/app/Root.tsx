import { Outlet } from '@tanstack/react-router'
import { Toasts } from '@/components/Toasts'
import { useSession } from '@/store/session'
import { KeyboardHelp } from './KeyboardHelp'
import { Rail } from './Rail'
import { SignIn } from './SignIn'
import { useGlobalKeys } from './useGlobalKeys'

/** The shell, or the page that asks for a key; the address stays where it was. */
export function Root() {
  const isSignedIn = useSession((state) => state.key !== null)
  return isSignedIn ? <Shell /> : <SignIn />
}

function Shell() {
  useGlobalKeys()
  return (
    <div className="flex h-full">
      <Rail />
      <div className="min-w-0 flex-1">
        <Outlet />
      </div>
      <KeyboardHelp />
      <Toasts />
    </div>
  )
}
