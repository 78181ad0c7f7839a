// Small pieces of text. Whatever a machine says goes through Plain: text only, without control characters.
import { Button, Popover, Tooltip } from '@patternfly/react-core'
import QuestionIcon from '@patternfly/react-icons/dist/esm/icons/outlined-question-circle-icon'
import { useNow } from '../data/hooks.ts'
import { formatAge, formatTime, printable } from '../derive/format.ts'
import { type Term, terms } from '../derive/terms.ts'

export function Plain({ children, max }: { children: unknown; max?: number }) {
  return <bdi>{printable(children, max)}</bdi>
}

/** Text that is compared or copied letter by letter. */
export function Mono({ children, max }: { children: unknown; max?: number }) {
  return <code className="m-mono">{printable(children, max)}</code>
}

export function Dim({ children }: { children: React.ReactNode }) {
  return <span className="m-dim">{children}</span>
}

export function Help({ term }: { term: Term }) {
  return (
    <Popover bodyContent={terms[term]} headerContent={term} position="top" maxWidth="22rem">
      <Button variant="plain" size="sm" className="m-help" aria-label={`What is: ${term}`} icon={<QuestionIcon />} hasNoPadding />
    </Popover>
  )
}

export function Age({ at, suffix }: { at: string | null | undefined; suffix?: string }) {
  const now = useNow()
  if (!at) return <Dim>–</Dim>
  return (
    <Tooltip content={formatTime(at)}>
      <time dateTime={at} className="m-nowrap">
        {formatAge(at, now)}
        {suffix ? ` ${suffix}` : ''}
      </time>
    </Tooltip>
  )
}
