// The hub logs in on a machine over SSH and installs the agent: where, with what, for which cluster. Then the machine's page shows how it goes.
import { ActionGroup, Button, Form } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useNavigate, useSearchParams } from 'react-router'
import { createObject } from '../api/client.ts'
import { Nothing, PageFrame } from '../components/page.tsx'
import { RefusedAlert } from '../components/refused-alert.tsx'
import { SshForm, sshFieldIds } from '../components/ssh-form.tsx'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { createWithCredentials, RefusedPart } from '../data/with-credentials.ts'
import { placeCauses } from '../derive/causes.ts'
import { proxyCredential, proxyPlaces } from '../derive/import.ts'
import {
  agentProxyOf,
  agentProxyPlaces,
  emptySsh,
  isSshComplete,
  machineNameOf,
  type SshChoice,
  type SshField,
  sshCredential,
  sshCredentialPlaces,
  sshMachineSpec,
  sshPlaces,
  sshProblems,
} from '../derive/ssh.ts'

type Part = 'credential' | 'proxy' | 'agentProxy'
const parent = ['Machines', '/machines'] as const

function add(choice: SshChoice) {
  const name = machineNameOf(choice)
  const secret = sshCredential(choice)
  const proxy = proxyCredential(choice, `Proxy to the machine ${name}`)
  const agentProxy = proxyCredential(agentProxyOf(choice), `Proxy of the agent on ${name}`)
  const drafts = [
    ...(agentProxy ? [{ part: 'agentProxy' as const, generateName: `${name}-agent-proxy-`, spec: agentProxy }] : []),
    ...(proxy ? [{ part: 'proxy' as const, generateName: `${name}-proxy-`, spec: proxy }] : []),
    ...(secret ? [{ part: 'credential' as const, generateName: `${name}-ssh-`, spec: secret }] : []),
  ]
  return createWithCredentials<Part, Awaited<ReturnType<typeof createObject<'machines'>>>>(drafts, (names) =>
    createObject('machines', {
      metadata: { name },
      spec: sshMachineSpec(choice, { login: names.credential ?? choice.existing, proxy: names.proxy, agentProxy: names.agentProxy }),
    }),
  )
}

function placesOf(choice: SshChoice, part: Part | 'object'): Readonly<Record<string, SshField>> {
  if (part === 'proxy') return proxyPlaces
  if (part === 'agentProxy') return agentProxyPlaces
  return part === 'credential' ? sshCredentialPlaces(choice.by) : sshPlaces(choice.by)
}

export function AddMachinePage() {
  const [params] = useSearchParams()
  const navigate = useNavigate()
  const { canOperate } = useRole()
  const [choice, setChoice] = useState<SshChoice>({ ...emptySsh, clusterRef: params.get('cluster') ?? '' })
  const create = useMutation({
    mutationFn: () => add(choice),
    onSuccess: (machine) => {
      listOf('machines').put(machine)
      void navigate(`/machines/${encodeURIComponent(machine.metadata.name)}?tab=ssh`)
    },
  })
  if (!canOperate)
    return (
      <PageFrame title="Add a machine over SSH" parent={parent}>
        <Nothing title="Adding machines needs the role operator" status="info">
          Ask an admin for an access binding, then open this page again.
        </Nothing>
      </PageFrame>
    )
  const refused = create.error instanceof RefusedPart ? (create.error as RefusedPart<Part>) : undefined
  const { at, rest } = placeCauses(refused?.failure, refused ? placesOf(choice, refused.part) : {})
  const first = (Object.keys(sshFieldIds) as SshField[]).find((field) => at[field] !== undefined)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isSshComplete(choice) && !create.isPending) create.mutate()
  }
  return (
    <PageFrame
      title="Add a machine over SSH"
      parent={parent}
      description="The hub logs in, installs the agent as a systemd service, and leaves. When anything fails it removes what it put there."
    >
      <Form isWidthLimited onSubmit={submit}>
        {refused && (
          <RefusedAlert title="The machine was not added" refused={refused} rest={rest} firstField={first && sshFieldIds[first]} />
        )}
        <SshForm
          choice={choice}
          onChange={(change) => setChoice((old) => ({ ...old, ...change }))}
          problems={{ ...at, ...sshProblems(choice) }}
        />
        <ActionGroup>
          <Button variant="primary" type="submit" isLoading={create.isPending} isDisabled={!isSshComplete(choice) || create.isPending}>
            Add and install
          </Button>
          <Button variant="link" component={(props: object) => <Link {...props} to="/machines" />}>
            Cancel
          </Button>
        </ActionGroup>
        <p className="m-sub">
          No way in over SSH from here? <Link to="/join">Join a machine</Link> with a command that you run on it; it dials out to the hub.
        </p>
      </Form>
    </PageFrame>
  )
}
