// Masthead, navigation, and the banner that says when what is shown may be old. Lets nobody past who is not signed in.
import {
  Banner,
  Button,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  Nav,
  NavItem,
  NavList,
  Page,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
} from '@patternfly/react-core'
import ClusterIcon from '@patternfly/react-icons/dist/esm/icons/cluster-icon'
import HomeIcon from '@patternfly/react-icons/dist/esm/icons/home-icon'
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon'
import LockIcon from '@patternfly/react-icons/dist/esm/icons/lock-icon'
import PlusCircleIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon'
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import TasksIcon from '@patternfly/react-icons/dist/esm/icons/tasks-icon'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useRef } from 'react'
import { Link, Navigate, NavLink, useLocation } from 'react-router'
import { signOut } from '../api/client.ts'
import { asFailure } from '../api/failure.ts'
import { useLostConnection } from '../data/connection.ts'
import { forgetLists } from '../data/lists.ts'
import { sessionKey, useRole, useSession } from '../data/session.ts'
import { printable } from '../derive/format.ts'
import { FailureAlert } from './failure-alert.tsx'
import { Mark } from './mark.tsx'
import { Failed, Loading } from './page.tsx'

const places = [
  { to: '/', label: 'Overview', icon: <HomeIcon /> },
  { to: '/clusters', label: 'Clusters', icon: <ClusterIcon /> },
  { to: '/machines', label: 'Machines', icon: <ServerIcon /> },
  { to: '/tasks', label: 'Tasks', icon: <TasksIcon /> },
  { to: '/join', label: 'Join a machine', icon: <PlusCircleIcon /> },
  { to: '/credentials', label: 'Credentials', icon: <LockIcon /> },
  { to: '/access', label: 'Access', icon: <KeyIcon /> },
]

/** Pages that make something belong to the list that it will be in. */
const makers: Readonly<Record<string, string>> = { '/create-cluster': '/clusters', '/add-machine': '/machines' }

function TopBar() {
  const { user, role } = useRole()
  const queries = useQueryClient()
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      queries.setQueryData(sessionKey, null)
      forgetLists()
    },
  })
  return (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton isHamburgerButton aria-label="Navigation" />
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props: object) => <Link {...props} to="/" aria-label="Moorline, to the overview" />}>
            <Mark />
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="m-account">
          <FailureAlert title="You are still signed in" error={leave.error} />
          <span>
            {printable(user, 64)} <span className="m-dim">({role})</span>
          </span>
          <Button variant="link" isInline onClick={() => leave.mutate()} isDisabled={leave.isPending}>
            Sign out
          </Button>
        </div>
      </MastheadContent>
    </Masthead>
  )
}

function SideBar() {
  const { pathname } = useLocation()
  const place = makers[pathname] ?? pathname
  const isAt = (to: string) => (to === '/' ? place === '/' : place === to || place.startsWith(`${to}/`))
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Main">
          <NavList>
            {places.map(({ to, label, icon }) => (
              <NavItem
                key={to}
                itemId={to}
                isActive={isAt(to)}
                icon={icon}
                component={(props: object) => <NavLink {...props} to={to} end={to === '/'} />}
              >
                {label}
              </NavItem>
            ))}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  )
}

function ConnectionBanner() {
  const lost = useLostConnection()
  return (
    <div aria-live="polite">
      {lost && (
        <Banner status="warning" screenReaderText="Warning:">
          <strong>No connection to the hub.</strong> What you see may be old. Reconnecting by itself; nothing is lost on the machines
          meanwhile.
        </Banner>
      )}
    </div>
  )
}

/** A new page starts at its top and is read from there; the first one is left to the browser. */
function useFreshPage(): void {
  const { pathname } = useLocation()
  const last = useRef(pathname)
  useEffect(() => {
    if (last.current === pathname) return
    last.current = pathname
    const main = document.getElementById('main')
    main?.scrollTo(0, 0)
    main?.focus({ preventScroll: true })
  }, [pathname])
}

function SignedIn({ children }: { children: ReactNode }) {
  useFreshPage()
  return (
    <Page
      masthead={<TopBar />}
      sidebar={<SideBar />}
      isManagedSidebar
      isContentFilled
      mainContainerId="main"
      skipToContent={<SkipToContent href="#main">Skip to content</SkipToContent>}
    >
      <ConnectionBanner />
      {children}
    </Page>
  )
}

export function Shell({ children }: { children: ReactNode }) {
  const session = useSession()
  const { pathname, search, hash } = useLocation()
  // A one-time link may lead anywhere; only the sign-in page takes its code.
  if (hash.startsWith('#code=')) return <Navigate to={{ pathname: '/login', hash }} replace />
  if (session.isPending) return <Loading what="the session" />
  if (session.isError) return <Failed what="The hub could not be asked who you are" failure={asFailure(session.error)} />
  if (session.data === null) return <Navigate to="/login" replace state={{ from: pathname + search }} />
  return <SignedIn>{children}</SignedIn>
}
