// A shell on one machine, in the page. Closing the page ends what runs in it.
import { Alert, Button } from '@patternfly/react-core'
import { lazy, Suspense, useRef, useState } from 'react'
import { Link, useParams } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { StatusLabel } from '../components/status.tsx'
import { WithCode } from '../components/text.tsx'
import type { ExecEnd } from '../data/exec-connection.ts'
import { useObject } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { terminalAccess } from '../derive/terminal.ts'

const TerminalView = lazy(() => import('../components/terminal-view.tsx'))

export function TerminalPage() {
  const { name = '' } = useParams()
  const { object: machine, isMissing, failure } = useObject('machines', name)
  if (machine) return <Loaded key={machine.metadata.uid} machine={machine} />
  return (
    <PageFrame title={`Terminal on ${name}`} parent={['Machines', '/machines']}>
      {failure ? (
        <Failed what="The machine cannot be shown" failure={failure} />
      ) : isMissing ? (
        <Nothing title="There is no machine of this name" action={<Link to="/machines">All machines</Link>} />
      ) : (
        <Loading what="the machine" />
      )}
    </PageFrame>
  )
}

type State = { phase: 'Connecting' | 'Connected' } | { phase: 'Ended'; end: ExecEnd }

function Loaded({ machine }: { machine: Machine }) {
  const { name } = machine.metadata
  const { isAdmin } = useRole()
  const access = terminalAccess(machine, isAdmin)
  const [attempt, setAttempt] = useState(1)
  const [state, setState] = useState<State>({ phase: 'Connecting' })
  const leave = useRef<HTMLButtonElement>(null)
  const reconnect = () => {
    setState({ phase: 'Connecting' })
    setAttempt(attempt + 1)
  }
  const isOver = state.phase === 'Ended'
  // What was begun is shown to its end, also when the machine goes meanwhile.
  const isBegun = attempt > 1 || state.phase !== 'Connecting'
  return (
    <PageFrame
      title={`Terminal on ${name}`}
      parent={[name, `/machines/${encodeURIComponent(name)}`]}
      badge={(access.isPossible || isBegun) && <StatusLabel state={isOver ? 'Closed' : state.phase} />}
      actions={
        (access.isPossible || isBegun) && (
          <Button ref={leave} variant={isOver ? 'primary' : 'secondary'} onClick={reconnect}>
            {isOver ? 'Open another one' : 'Start over'}
          </Button>
        )
      }
    >
      {!access.isPossible && !isBegun ? (
        <Nothing title="No terminal on this machine">
          <p>{access.why}</p>
          {access.policy && (
            <p>
              <code className="m-mono">{access.policy}</code>
            </p>
          )}
        </Nothing>
      ) : (
        <section className="m-terminal" aria-label={`Terminal on ${name}`}>
          <div aria-live="polite">
            {isOver && (
              <Alert component="h2" isInline variant={state.end.isFailure ? 'danger' : 'info'} title="The terminal is closed">
                <WithCode max={1024}>{state.end.message}</WithCode>
              </Alert>
            )}
          </div>
          <Suspense fallback={<Loading what="the terminal" />}>
            <TerminalView
              key={attempt}
              machine={name}
              onOpen={() => setState({ phase: 'Connected' })}
              onEnd={(end) => setState({ phase: 'Ended', end })}
              onLeave={() => leave.current?.focus()}
            />
          </Suspense>
          <p className="m-dim">
            Copy with Ctrl+Shift+C, paste with Ctrl+Shift+V, leave the terminal with Shift+Escape. Closing this page ends what runs in it.
          </p>
        </section>
      )}
    </PageFrame>
  )
}
