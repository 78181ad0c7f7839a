// Says why something was not made, without what already stands under the fields, and moves to the first of those.
import { Alert } from '@patternfly/react-core'
import { useEffect } from 'react'
import { Link } from 'react-router'
import type { FailureCause } from '../api/failure.ts'
import type { RefusedPart } from '../data/with-credentials.ts'
import { printable } from '../derive/format.ts'

export interface RefusedAlertProps {
  title: string
  refused: RefusedPart<string>
  /** Causes that no field shows. */
  rest: readonly FailureCause[]
  /** Id of the first field that shows a cause. */
  firstField?: string
}

export function RefusedAlert({ title, refused, rest, firstField }: RefusedAlertProps) {
  const { failure, left } = refused
  useEffect(() => {
    if (firstField) document.getElementById(firstField)?.focus()
  }, [firstField, refused])
  return (
    <Alert component="h2" variant="danger" isInline title={title} role="alert">
      <p>{firstField ? 'Correct the marked field and try again; what you typed is still there.' : printable(failure.message)}</p>
      {rest.length > 0 && (
        <ul className="m-causes">
          {rest.slice(0, 20).map((cause) => (
            <li key={`${cause.field}/${cause.message}`}>
              {cause.field && <code className="m-mono">{printable(cause.field, 256)}</code>} {printable(cause.message, 1024)}
            </li>
          ))}
        </ul>
      )}
      {!firstField && <p>{failure.next}</p>}
      {left.length > 0 && (
        <p>
          {left.join(', ')} was made for it and could not be removed: delete it under <Link to="/credentials">Credentials</Link>.
        </p>
      )}
    </Alert>
  )
}
