import { Alert } from '@patternfly/react-core'
import { asFailure } from '../api/failure.ts'
import { printable } from '../derive/format.ts'

/** A refused action, beside the control that caused it: what, why, which field, what next. */
export function FailureAlert({ title, error }: { title: string; error: unknown }) {
  if (!error) return null
  const failure = asFailure(error)
  return (
    <Alert component="h2" variant="danger" isInline title={title} role="alert">
      <p>{printable(failure.message)}</p>
      {failure.causes.length > 0 && (
        <ul className="m-causes">
          {failure.causes.slice(0, 20).map((cause) => (
            <li key={`${cause.field}/${cause.message}`}>
              {cause.field && <code className="m-mono">{printable(cause.field, 256)}</code>} {printable(cause.message, 512)}
            </li>
          ))}
        </ul>
      )}
      <p>{failure.next}</p>
    </Alert>
  )
}
