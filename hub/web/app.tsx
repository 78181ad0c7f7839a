// Which page is where. Each page is its own file for the browser, fetched when first opened.
import { type ComponentType, lazy, Suspense } from 'react'
import { createBrowserRouter, matchPath, Outlet, RouterProvider, useLocation } from 'react-router'
import { ErrorBoundary } from './components/error-boundary.tsx'
import { Loading } from './components/page.tsx'
import { Shell } from './components/shell.tsx'

type Load = () => Promise<ComponentType>

const pages: readonly (readonly [path: string, load: Load])[] = [
  ['', async () => (await import('./pages/overview.tsx')).OverviewPage],
  ['clusters', async () => (await import('./pages/clusters.tsx')).ClustersPage],
  ['clusters/:name', async () => (await import('./pages/cluster.tsx')).ClusterPage],
  ['clusters/:name/register', async () => (await import('./pages/register.tsx')).RegisterPage],
  ['create-cluster', async () => (await import('./pages/create-cluster.tsx')).CreateClusterPage],
  ['machines', async () => (await import('./pages/machines.tsx')).MachinesPage],
  ['machines/:name', async () => (await import('./pages/machine.tsx')).MachinePage],
  ['machines/:name/terminal', async () => (await import('./pages/terminal.tsx')).TerminalPage],
  ['add-machine', async () => (await import('./pages/add-machine.tsx')).AddMachinePage],
  ['tasks', async () => (await import('./pages/tasks.tsx')).TasksPage],
  ['tasks/:name', async () => (await import('./pages/task.tsx')).TaskPage],
  ['join', async () => (await import('./pages/join.tsx')).JoinPage],
  ['credentials', async () => (await import('./pages/credentials.tsx')).CredentialsPage],
  ['access', async () => (await import('./pages/access.tsx')).AccessPage],
  ['*', async () => (await import('./pages/not-found.tsx')).NotFoundPage],
]

function element(load: Load) {
  const Page = lazy(async () => ({ default: await load() }))
  return <Page />
}

/** The first page's file is fetched while the hub is asked who is there, not after it has answered. */
function fetchAhead(): void {
  const first = pages.find(([path]) => path !== '*' && matchPath(`/${path}`, location.pathname))
  // It is asked for again when it is shown, and that failure is the one that is shown.
  first?.[1]().catch(() => undefined)
}

function Pages() {
  const { pathname } = useLocation()
  return (
    <Shell>
      <ErrorBoundary key={pathname}>
        <Suspense fallback={<Loading what="the page" />}>
          <Outlet />
        </Suspense>
      </ErrorBoundary>
    </Shell>
  )
}

const login = element(async () => (await import('./pages/login.tsx')).LoginPage)
const router = createBrowserRouter([
  { path: '/login', element: <Suspense fallback={<Loading what="the page" />}>{login}</Suspense> },
  { element: <Pages />, children: pages.map(([path, load]) => ({ path, element: element(load) })) },
])
fetchAhead()

export function App() {
  return <RouterProvider router={router} />
}
