import './styles.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { makeQueryClient } from '@/api/queryClient'
import { TooltipProvider } from '@/components/Tooltip'
import { enterFromAddress, useSession } from '@/store/session'
import { followTheme } from '@/store/theme'
import { allowOwnStyles } from './nonce'
import { makeRouter } from './router'

allowOwnStyles()
enterFromAddress()
followTheme()

const queryClient = makeQueryClient()
// What one key may see is not for the next one.
useSession.subscribe((now, before) => {
  if (now.key !== before.key) queryClient.clear()
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <TooltipProvider delayDuration={300}>
        <RouterProvider router={makeRouter()} />
      </TooltipProvider>
    </QueryClientProvider>
  </StrictMode>,
)
