// On the page of a machine: leads to its terminal, or says why there is none.
import { Button, Popover } from '@patternfly/react-core'
import { useRef } from 'react'
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { useRole } from '../data/session.ts'
import { terminalAccess } from '../derive/terminal.ts'

export function TerminalLink({ machine }: { machine: Machine }) {
  const { isAdmin } = useRole()
  const button = useRef<HTMLButtonElement>(null)
  const { isPossible, why, policy } = terminalAccess(machine, isAdmin)
  if (isPossible)
    return (
      <Button
        variant="secondary"
        component={(props: object) => <Link {...props} to={`/machines/${encodeURIComponent(machine.metadata.name)}/terminal`} />}
      >
        Open a terminal
      </Button>
    )
  const body = (
    <div className="m-stack">
      <p>{why}</p>
      {policy && <code className="m-mono">{policy}</code>}
    </div>
  )
  return (
    <>
      <Button variant="link" ref={button}>
        Why no terminal?
      </Button>
      <Popover triggerRef={button} headerContent="No terminal on this machine" bodyContent={body} maxWidth="26rem" />
    </>
  )
}
