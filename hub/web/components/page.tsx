// Frame of a page: title (also of the tab), where one is, what can be done here, and what stands there when there is nothing or it failed.
import {
  Breadcrumb,
  BreadcrumbItem,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
  Spinner,
} from '@patternfly/react-core'
import type { ComponentType, ReactNode } from 'react'
import { Link } from 'react-router'
import type { ApiFailure } from '../api/failure.ts'
import { printable } from '../derive/format.ts'

export interface PageFrameProps {
  title: string
  /** Beside the title, e.g. the state. */
  badge?: ReactNode
  description?: ReactNode
  /** Where this page hangs: [label, path]. */
  parent?: readonly [string, string]
  actions?: ReactNode
  children: ReactNode
}

export function PageFrame({ title, badge, description, parent, actions, children }: PageFrameProps) {
  const shown = printable(title, 128)
  return (
    <>
      <title>{`${shown} · Moorline`}</title>
      <PageSection className="m-page-head" aria-label="Page heading">
        {parent && (
          <Breadcrumb>
            <BreadcrumbItem
              render={({ className }) => (
                <Link className={className} to={parent[1]}>
                  {parent[0]}
                </Link>
              )}
            />
            <BreadcrumbItem isActive>{shown}</BreadcrumbItem>
          </Breadcrumb>
        )}
        <div className="m-title-row">
          <h1 className="m-title">
            <bdi>{shown}</bdi>
          </h1>
          {badge}
          <div className="m-actions">{actions}</div>
        </div>
        {description && <p className="m-dim">{description}</p>}
      </PageSection>
      <PageSection isFilled aria-label={shown} className="m-page-body">
        <div className="m-stack">{children}</div>
      </PageSection>
    </>
  )
}

export interface NothingProps {
  title: string
  icon?: ComponentType
  status?: 'danger' | 'warning' | 'info' | 'success'
  children?: ReactNode
  action?: ReactNode
  isSmall?: boolean
}

export function Nothing({ title, icon, status, children, action, isSmall }: NothingProps) {
  return (
    <EmptyState titleText={title} icon={icon} status={status} headingLevel="h2" variant={isSmall ? 'xs' : 'sm'}>
      {children && <EmptyStateBody>{children}</EmptyStateBody>}
      {action && (
        <EmptyStateFooter>
          <EmptyStateActions>{action}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  )
}

export function Failed({ what, failure }: { what: string; failure: ApiFailure }) {
  return (
    <Nothing title={what} status="danger">
      <p>
        {printable(failure.message)} <span className="m-dim">({printable(failure.reason, 64)})</span>
      </p>
      <p>{failure.next}</p>
    </Nothing>
  )
}

export function Loading({ what }: { what: string }) {
  return (
    <div className="m-loading">
      <Spinner size="lg" aria-label={`Loading ${what}`} />
    </div>
  )
}
