import { Alert } from '@patternfly/react-core'
import { asFailure } from '../api/failure.ts'
import { printable } from '../derive/format.ts'

export interface FailureAlertProps {
  title: string
  error: unknown
  /** The whole cause stands at a field already. */
  isAtField?: boolean
}

/** A refused action, beside the control that caused it: what, why, which field, what next. */
export function FailureAlert({ title, error, isAtField = false }: FailureAlertProps) {
  if (!error) return null
  if (isAtField)
    return (
      <Alert component="h2" variant="danger" isInline title={title} role="alert">
        <p>Correct the marked field and try again; what you typed is still there.</p>
      </Alert>
    )
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
