// Which page is where. Each page is its own file for the browser, fetched when first opened.
import { type ComponentType, lazy, Suspense } from 'react'
import { createBrowserRouter, Outlet, RouterProvider, useLocation } from 'react-router'
import { ErrorBoundary } from './components/error-boundary.tsx'
import { Loading } from './components/page.tsx'
import { Shell } from './components/shell.tsx'

function page(load: () => Promise<ComponentType>) {
  const Page = lazy(async () => ({ default: await load() }))
  return <Page />
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

const router = createBrowserRouter([
  {
    path: '/login',
    element: <Suspense fallback={<Loading what="the page" />}>{page(async () => (await import('./pages/login.tsx')).LoginPage)}</Suspense>,
  },
  {
    element: <Pages />,
    children: [
      { index: true, element: page(async () => (await import('./pages/overview.tsx')).OverviewPage) },
      { path: 'clusters', element: page(async () => (await import('./pages/clusters.tsx')).ClustersPage) },
      { path: 'clusters/:name', element: page(async () => (await import('./pages/cluster.tsx')).ClusterPage) },
      { path: 'machines', element: page(async () => (await import('./pages/machines.tsx')).MachinesPage) },
      { path: 'machines/:name', element: page(async () => (await import('./pages/machine.tsx')).MachinePage) },
      { path: 'tasks', element: page(async () => (await import('./pages/tasks.tsx')).TasksPage) },
      { path: 'tasks/:name', element: page(async () => (await import('./pages/task.tsx')).TaskPage) },
      { path: 'join', element: page(async () => (await import('./pages/join.tsx')).JoinPage) },
      { path: 'access', element: page(async () => (await import('./pages/access.tsx')).AccessPage) },
      { path: '*', element: page(async () => (await import('./pages/not-found.tsx')).NotFoundPage) },
    ],
  },
])

export function App() {
  return <RouterProvider router={router} />
}
