// Composition root of the dashboard.
import './theme.ts'
import './styles/base.css'
import './styles/app.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { setSignedOutHandler } from './api/client.ts'
import { App } from './app.tsx'
import { forgetLists } from './data/lists.ts'
import { sessionKey } from './data/session.ts'

const queries = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, refetchOnReconnect: false } } })
setSignedOutHandler(() => {
  queries.setQueryData(sessionKey, null)
  forgetLists()
})

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no element #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
