// A machine that the hub installs over SSH: how far it is, which host key it remembers, and what to do when that changes.
import { Alert, Button } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { patchSpec } from '../api/client.ts'
import { useList } from '../data/hooks.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { hostKeyTrouble, sshSteps } from '../derive/ssh.ts'
import { isBadEnd, isFinished, taskState } from '../derive/task.ts'
import { Pairs } from './facts.tsx'
import { FailureAlert } from './failure-alert.tsx'
import { LiveLog } from './live-log.tsx'
import { Steps } from './steps.tsx'
import { Dim, Mono, Plain } from './text.tsx'

function Install({ machine, taskName }: { machine: Machine; taskName: string }) {
  const task = useList('tasks').byName.get(taskName)
  const { canOperate } = useRole()
  const attempt = task?.status?.attempt ?? task?.spec.attempt ?? 1
  const again = useMutation({
    mutationFn: () => patchSpec('tasks', taskName, { attempt: attempt + 1 }),
    onSuccess: (changed) => listOf('tasks').put(changed),
  })
  const trouble = hostKeyTrouble(machine, task)
  const hasFailed = task !== undefined && (isBadEnd(task) || taskState(task) === 'Canceled')
  return (
    <>
      <Steps label={`Installation on ${machine.metadata.name}`} of="ssh-step" steps={sshSteps(machine, task)} />
      {trouble && (
        <Alert component="h2" variant="danger" isInline title="The server shows another host key" data-trouble="HostKeyChanged">
          <p>
            <Plain max={1024}>{trouble}</Plain>
          </p>
          <p>
            The hub stopped before it sent the password or used the key. If the machine was installed anew, compare the key that it shows
            now with its own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on its console). If they are the same, accept it with the
            command in the message and try again, or delete this machine here and add it again. If not, somebody may stand between hub and
            machine.
          </p>
        </Alert>
      )}
      {hasFailed && !trouble && (
        <Alert component="h2" variant="danger" isInline title="The agent was not installed">
          <p>
            <Plain max={1024}>{task.status?.message || task.status?.reason || 'The end of the log says why.'}</Plain>
          </p>
          <p>What was begun on the machine has been removed. Correct the cause, replace the credential if it was that, and try again.</p>
        </Alert>
      )}
      <FailureAlert title="It was not tried again" error={again.error} />
      <div className="m-buttons">
        {hasFailed && (
          <Button variant="primary" onClick={() => again.mutate()} isDisabled={!canOperate || again.isPending} isLoading={again.isPending}>
            Try again
          </Button>
        )}
        <Link to={`/tasks/${encodeURIComponent(taskName)}`}>Task {taskName}</Link>
      </div>
      {task && <LiveLog key={attempt} task={taskName} attempt={attempt} isOver={isFinished(task)} />}
    </>
  )
}

export function MachineSshView({ machine }: { machine: Machine }) {
  const { ssh } = machine.spec
  const { hostKey, task } = machine.status?.ssh ?? {}
  if (!ssh) return null
  return (
    <div className="m-stack m-tab">
      <Pairs
        pairs={[
          ['Server', <Mono key="server" max={320}>{`${ssh.user ?? 'root'}@${ssh.host}:${ssh.port ?? 22}`}</Mono>],
          ['Host key', hostKey ? <Mono max={128}>{hostKey}</Mono> : <Dim>remembered at the first connection</Dim>, 'Host key'],
          [
            'Credential',
            <Link key="credential" to={`/credentials?q=${encodeURIComponent(ssh.credentialRef)}`}>
              {ssh.credentialRef}
            </Link>,
            'Credential',
          ],
          ['Proxy', ssh.proxy ? <Mono max={512}>{ssh.proxy.url}</Mono> : <Dim>none</Dim>],
          ['Proxy of the agent', ssh.agentProxy ? <Mono max={512}>{ssh.agentProxy.url}</Mono> : <Dim>none</Dim>],
        ]}
      />
      {task ? <Install machine={machine} taskName={task} /> : <p className="m-dim">The installation starts within seconds.</p>}
    </div>
  )
}
