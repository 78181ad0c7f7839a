import { Button } from '@patternfly/react-core'
import { Component, type ReactNode } from 'react'
import { Nothing } from './page.tsx'

/** One broken page leaves the rest of the dashboard standing. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {}
  static getDerivedStateFromError(error: Error) {
    return { error }
  }
  override render() {
    if (!this.state.error) return this.props.children
    return (
      <Nothing
        title="This page could not be shown"
        status="danger"
        action={
          <Button variant="primary" onClick={() => location.reload()}>
            Reload the page
          </Button>
        }
      >
        <p>{this.state.error.message}</p>
        <p>The hub itself is not affected. If it happens again, report the message together with the address of this page.</p>
      </Nothing>
    )
  }
}
