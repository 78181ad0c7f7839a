// Small pieces of text. Whatever a machine says goes through Plain: text only, without control characters.
import { Button, Popover } from '@patternfly/react-core'
import QuestionIcon from '@patternfly/react-icons/dist/esm/icons/outlined-question-circle-icon'
import { useRef } from 'react'
import { useNow } from '../data/hooks.ts'
import { formatAge, formatTime, printable } from '../derive/format.ts'
import { type Term, terms } from '../derive/terms.ts'

export function Plain({ children, max }: { children: unknown; max?: number }) {
  return <bdi>{printable(children, max)}</bdi>
}

/** Text of a machine in which `backticks` mark what is typed: those parts look like it, and are text all the same. */
export function WithCode({ children, max }: { children: string; max?: number }) {
  const parts = printable(children, max).split('`')
  if (parts.length % 2 === 0) return <Plain max={max}>{children}</Plain>
  return (
    <bdi>
      {parts.map((part, index) =>
        index % 2 === 1 ? (
          <code key={`${index}/${part}`} className="m-mono">
            {part}
          </code>
        ) : (
          part
        ),
      )}
    </bdi>
  )
}

/** Text that is compared or copied letter by letter. */
export function Mono({ children, max }: { children: unknown; max?: number }) {
  return <code className="m-mono">{printable(children, max)}</code>
}

export function Dim({ children }: { children: React.ReactNode }) {
  return <span className="m-dim">{children}</span>
}

/** A question mark that opens one sentence. The popover hangs on the button by reference, so that it may stand inside any text. */
export function Help({ term }: { term: Term }) {
  const button = useRef<HTMLButtonElement>(null)
  return (
    <>
      <Button
        ref={button}
        variant="plain"
        size="sm"
        className="m-help"
        aria-label={`What is: ${term}`}
        icon={<QuestionIcon />}
        hasNoPadding
      />
      <Popover triggerRef={button} bodyContent={terms[term]} headerContent={term} position="top" maxWidth="22rem" />
    </>
  )
}

export function Age({ at, suffix }: { at: string | null | undefined; suffix?: string }) {
  const now = useNow()
  if (!at) return <Dim>–</Dim>
  return (
    <time dateTime={printable(at, 40)} title={formatTime(at)} className="m-nowrap">
      {formatAge(at, now)}
      {suffix ? ` ${suffix}` : ''}
    </time>
  )
}
