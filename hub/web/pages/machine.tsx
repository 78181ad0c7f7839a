// One machine: what it is, whether it can be reached and why not, its preflight, and what has been done on it.
import { Button, Tab, Tabs, TabTitleText } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useNavigate, useParams, useSearchParams } from 'react-router'
import type { ActionName } from '#shared/contract/actions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { createObject, deleteObject, patchSpec } from '../api/client.ts'
import { Approvals } from '../components/approvals.tsx'
import { Conditions } from '../components/conditions.tsx'
import { ConfirmButton } from '../components/confirm.tsx'
import { FactsView } from '../components/facts.tsx'
import { FailureAlert } from '../components/failure-alert.tsx'
import { MachinePreflight } from '../components/machine-preflight.tsx'
import { MachineSshView } from '../components/machine-ssh.tsx'
import { MachineSummary } from '../components/machine-summary.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { StatusLabel } from '../components/status.tsx'
import { TerminalLink } from '../components/terminal-link.tsx'
import { TaskTable } from '../components/task-table.tsx'
import { Plain } from '../components/text.tsx'
import { useList, useObject } from '../data/hooks.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { isAwaitingApproval, machinePhase } from '../derive/machine.ts'
import { isFinished, newestFirst } from '../derive/task.ts'

const parent = ['Machines', '/machines'] as const

function useRunAction(machine: string) {
  return useMutation({
    mutationFn: ({ action, input }: { action: ActionName; input: unknown }) =>
      createObject('tasks', { metadata: { generateName: `${machine.slice(0, 200)}-${action}-` }, spec: { machine, action, input } }),
    onSuccess: (task) => listOf('tasks').put(task),
  })
}

export function MachinePage() {
  const { name = '' } = useParams()
  const { object: machine, isMissing, failure } = useObject('machines', name)
  if (machine) return <Loaded key={machine.metadata.uid} machine={machine} />
  return (
    <PageFrame title={name} parent={parent}>
      {failure ? (
        <Failed what="The machine cannot be shown" failure={failure} />
      ) : isMissing ? (
        <Nothing title="There is no machine of this name" action={<Link to="/machines">All machines</Link>}>
          It may have been deleted. A machine that is enrolled again gets a new identity.
        </Nothing>
      ) : (
        <Loading what="the machine" />
      )}
    </PageFrame>
  )
}

function Loaded({ machine }: { machine: Machine }) {
  const { name } = machine.metadata
  const [params, setParams] = useSearchParams()
  const isInstalling = machine.spec.ssh !== undefined && machine.status?.agentId === undefined
  const tab = params.get('tab') ?? (isInstalling ? 'ssh' : 'preflight')
  const { items } = useList('tasks')
  const tasks = useMemo(() => newestFirst(items.filter((task) => task.spec.machine === name)), [items, name])
  const { canOperate } = useRole()
  const navigate = useNavigate()
  const run = useRunAction(name)
  const phase = machinePhase(machine)
  const isGone = phase === 'Denied' || phase === 'Revoked' || machine.spec.revoked === true
  const cannotRun = !canOperate || isGone || machine.spec.approved !== true || run.isPending
  const isPreflightOpen = tasks.some((task) => task.spec.action === 'preflight' && !isFinished(task))
  const startPreflight = () => {
    run.mutate({ action: 'preflight', input: { ...(machine.spec.role && { role: machine.spec.role }) } })
    setParams({ tab: 'preflight' }, { replace: true })
  }
  const actions = (
    <>
      <TerminalLink machine={machine} />
      <Button variant="primary" isDisabled={cannotRun || isPreflightOpen} onClick={startPreflight}>
        {machine.status?.preflight || tasks.some((task) => task.spec.action === 'preflight') ? 'Run preflight again' : 'Run preflight'}
      </Button>
      <Button variant="secondary" isDisabled={cannotRun} onClick={() => run.mutate({ action: 'facts', input: {} })}>
        Collect facts
      </Button>
      <ConfirmButton
        verb="Revoke"
        title={`Revoke the identity of ${name}?`}
        isDisabled={!canOperate || isGone}
        run={() => patchSpec('machines', name, { revoked: true })}
      >
        Its connections are closed at once and it can never come back with this identity. Running work on the machine goes on, but reports
        nothing. To use the machine again, delete it here and join it anew.
      </ConfirmButton>
      <ConfirmButton
        verb="Delete"
        title={`Delete the machine ${name}?`}
        typed={name}
        isDisabled={!canOperate}
        run={() => deleteObject('machines', name)}
        onDone={() => void navigate('/machines')}
      >
        Its identity ends, and its tasks and their logs go with it. Nothing is changed on the machine itself: run{' '}
        <code className="m-mono">moorline-agent leave</code> there to put it back.
      </ConfirmButton>
    </>
  )
  return (
    <PageFrame
      title={name}
      parent={parent}
      badge={<StatusLabel state={phase} />}
      description={machine.spec.displayName ? <Plain max={128}>{machine.spec.displayName}</Plain> : undefined}
      actions={actions}
    >
      <FailureAlert title="The task was not created" error={run.error} />
      {isAwaitingApproval(machine) && <Approvals machines={[machine]} />}
      <MachineSummary machine={machine} />
      <Tabs
        activeKey={tab}
        onSelect={(_event, key) => setParams({ tab: String(key) }, { replace: true })}
        aria-label="Details of the machine"
        mountOnEnter
        unmountOnExit
      >
        <Tab eventKey="preflight" title={<TabTitleText>Preflight</TabTitleText>}>
          <MachinePreflight machine={machine} tasks={tasks} />
        </Tab>
        {machine.spec.ssh && (
          <Tab eventKey="ssh" title={<TabTitleText>SSH</TabTitleText>}>
            <MachineSshView machine={machine} />
          </Tab>
        )}
        <Tab eventKey="conditions" title={<TabTitleText>Conditions</TabTitleText>}>
          <Conditions conditions={machine.status?.conditions} />
        </Tab>
        <Tab eventKey="facts" title={<TabTitleText>Facts</TabTitleText>}>
          <div className="m-tab">
            {machine.status?.facts ? (
              <FactsView facts={machine.status.facts} />
            ) : (
              <Nothing isSmall title="No facts yet">
                The agent sends them when it first connects; “Collect facts” asks for them again.
              </Nothing>
            )}
          </div>
        </Tab>
        <Tab eventKey="tasks" title={<TabTitleText>{`Tasks ${tasks.length}`}</TabTitleText>}>
          <TaskTable tasks={tasks.slice(0, 100)} label="Tasks of this machine" isOfMachine />
          {tasks.length > 100 && <Link to={`/tasks?q=${encodeURIComponent(name)}`}>All {tasks.length} tasks of this machine</Link>}
        </Tab>
      </Tabs>
    </PageFrame>
  )
}
