// A cluster comes under management: of which type → its name and how to reach it → what to run, and the cluster as it appears.
import { Button, Form, FormGroup, Radio, useWizardContext, Wizard, WizardFooterWrapper, WizardStep } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import type { Registration as Made } from '#shared/contract/registration.ts'
import { createObject, registerCluster } from '../api/client.ts'
import { ClusterProgress } from '../components/cluster-progress.tsx'
import { TextField } from '../components/fields.tsx'
import { ImportForm, importFieldIds } from '../components/import-form.tsx'
import { Loading, Nothing, PageFrame } from '../components/page.tsx'
import { RefusedAlert } from '../components/refused-alert.tsx'
import { Registration } from '../components/registration.tsx'
import { useObject } from '../data/hooks.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { createWithCredentials, RefusedPart } from '../data/with-credentials.ts'
import { placeCauses } from '../derive/causes.ts'
import {
  clusterPlaces,
  credentialPlaces,
  emptyImport,
  type ImportChoice,
  type ImportField,
  importCredential,
  importProblems,
  importSpec,
  isImportComplete,
  proxyCredential,
  proxyPlaces,
} from '../derive/import.ts'
import { nameProblem } from '../derive/names.ts'

type ClusterType = 'Registered' | 'Imported'
type Part = 'credential' | 'proxy'
interface Choice extends ImportChoice {
  type: ClusterType
  name: string
}
interface Outcome {
  name: string
  made?: Made
  error?: unknown
}

async function create(choice: Choice): Promise<Outcome> {
  const { name, type } = choice
  if (type === 'Registered') {
    const spec = { type, ...(choice.displayName && { displayName: choice.displayName }) } as const
    listOf('clusters').put(await createWithCredentials([], () => createObject('clusters', { metadata: { name }, spec })))
    // The cluster is there now: when this fails the next step says why and tries again.
    return registerCluster(name).then(
      (made) => ({ name, made }),
      (error: unknown) => ({ name, error }),
    )
  }
  const proxy = proxyCredential(choice, `Proxy to the cluster ${name}`)
  const drafts = [
    ...(proxy ? [{ part: 'proxy' as const, generateName: `${name}-proxy-`, spec: { ...proxy, clusterRef: name } }] : []),
    {
      ...{ part: 'credential' as const, generateName: `${name}-` },
      // Made for this cluster, so of no use to another one.
      spec: { ...importCredential(choice, `Imported cluster ${name}`), clusterRef: name },
    },
  ]
  const cluster = await createWithCredentials<Part, Awaited<ReturnType<typeof createObject<'clusters'>>>>(drafts, (names) =>
    createObject('clusters', { metadata: { name }, spec: importSpec(choice, names.credential ?? '', names.proxy) }),
  )
  listOf('clusters').put(cluster)
  return { name }
}

function placesOf(choice: Choice, part: Part | 'object'): Readonly<Record<string, ImportField>> {
  if (part === 'proxy') return proxyPlaces
  if (part === 'credential') return { ...credentialPlaces, 'spec.data': choice.by }
  return clusterPlaces(choice.by)
}

function TypeForm({ type, onChange }: { type: ClusterType; onChange(type: ClusterType): void }) {
  return (
    <Form isWidthLimited>
      <FormGroup label="How does the hub reach the cluster?" role="radiogroup" fieldId="cluster-type">
        <Radio
          id="cluster-type-registered"
          name="cluster-type"
          label="Registered: an agent in it dials out"
          description="For clusters behind a firewall or NAT. You run one command on the cluster; it needs one outbound port to this hub and opens none."
          isChecked={type === 'Registered'}
          onChange={() => onChange('Registered')}
        />
        <Radio
          id="cluster-type-imported"
          name="cluster-type"
          label="Imported: the hub dials its API server"
          description="For clusters whose API server this hub reaches, directly or through a proxy. You give a kubeconfig or a token; nothing is installed."
          isChecked={type === 'Imported'}
          onChange={() => onChange('Imported')}
        />
      </FormGroup>
    </Form>
  )
}

interface DetailsProps {
  choice: Choice
  onChange(change: Partial<Choice>): void
  error: unknown
}

function Details({ choice, onChange, error }: DetailsProps) {
  const refused = error instanceof RefusedPart ? (error as RefusedPart<Part>) : undefined
  const { at, rest } = placeCauses(refused?.failure, refused ? placesOf(choice, refused.part) : {})
  const problems = { ...at, ...(choice.type === 'Imported' ? importProblems(choice) : {}) }
  const named = choice.name === '' ? undefined : nameProblem(choice.name)
  const first = (Object.keys(importFieldIds) as ImportField[]).find((field) => at[field] !== undefined)
  return (
    <Form isWidthLimited>
      {refused && (
        <RefusedAlert
          title={choice.type === 'Imported' ? 'The cluster was not imported' : 'The cluster was not created'}
          refused={refused}
          rest={rest}
          firstField={first && importFieldIds[first]}
        />
      )}
      <TextField
        id="cluster-name"
        label="Name"
        value={choice.name}
        onChange={(name) => onChange({ name })}
        problem={named ?? problems.name}
        hint="Lower-case letters, digits, dashes and dots; cannot be changed later."
        maxLength={253}
        isRequired
      />
      <TextField
        id="cluster-display"
        label="Display name"
        value={choice.displayName}
        onChange={(displayName) => onChange({ displayName })}
        problem={problems.displayName}
        maxLength={128}
      />
      {choice.type === 'Imported' && <ImportForm choice={choice} onChange={onChange} problems={problems} />}
    </Form>
  )
}

interface CreateFooterProps {
  choice: Choice
  onSent(sent: Promise<Outcome>): Promise<boolean>
  isPending: boolean
}

function CreateFooter({ choice, onSent, isPending }: CreateFooterProps) {
  const { goToNextStep, goToPrevStep } = useWizardContext()
  const isComplete = choice.name !== '' && !nameProblem(choice.name) && (choice.type === 'Registered' || isImportComplete(choice))
  const send = async () => {
    if (await onSent(create(choice))) void goToNextStep()
  }
  return (
    <WizardFooterWrapper>
      <div className="m-buttons">
        <Button variant="secondary" onClick={() => void goToPrevStep()} isDisabled={isPending}>
          Back
        </Button>
        <Button variant="primary" onClick={() => void send()} isLoading={isPending} isDisabled={!isComplete || isPending}>
          {choice.type === 'Imported' ? 'Probe and import' : 'Create and make the commands'}
        </Button>
        {isPending && choice.type === 'Imported' && <output className="m-dim">The hub dials the cluster; this takes a few seconds.</output>}
      </div>
    </WizardFooterWrapper>
  )
}

function Watch({ outcome, type }: { outcome: Outcome; type: ClusterType }) {
  const { object: cluster } = useObject('clusters', outcome.name)
  if (type === 'Registered')
    return <Registration name={outcome.name} cluster={cluster} initial={outcome.made} initialError={outcome.error} />
  return cluster ? <ClusterProgress cluster={cluster} /> : <Loading what="the cluster" />
}

export function CreateClusterPage() {
  const [params] = useSearchParams()
  const { canOperate } = useRole()
  const [choice, setChoice] = useState<Choice>({
    ...emptyImport,
    type: params.get('type') === 'Imported' ? 'Imported' : 'Registered',
    name: '',
  })
  const send = useMutation({ mutationFn: (sent: Promise<Outcome>) => sent })
  const change = (next: Partial<Choice>) => setChoice((old) => ({ ...old, ...next }))
  const onSent = (sent: Promise<Outcome>) =>
    send.mutateAsync(sent).then(
      () => {
        // Secrets are not needed any more, so the page forgets them.
        setChoice((old) => ({ ...emptyImport, type: old.type, name: old.name }))
        return true
      },
      () => false,
    )
  if (!canOperate)
    return (
      <PageFrame title="Create a cluster" parent={['Clusters', '/clusters']}>
        <Nothing title="Creating clusters needs the role operator" status="info">
          Ask an admin for an access binding, then open this page again.
        </Nothing>
      </PageFrame>
    )
  const outcome = send.data
  const isDone = outcome !== undefined
  return (
    <PageFrame title="Create a cluster" parent={['Clusters', '/clusters']}>
      <Wizard navAriaLabel="Steps" isVisitRequired height="auto" className="m-wizard">
        <WizardStep name="Type" id="type" isDisabled={isDone} footer={{ isBackHidden: true, isCancelHidden: true }}>
          <TypeForm type={choice.type} onChange={(type) => change({ type })} />
        </WizardStep>
        <WizardStep
          name={choice.type === 'Imported' ? 'Connection' : 'Name'}
          id="details"
          isDisabled={isDone}
          footer={<CreateFooter choice={choice} onSent={onSent} isPending={send.isPending} />}
        >
          <Details choice={choice} onChange={change} error={send.error} />
        </WizardStep>
        <WizardStep
          name={choice.type === 'Imported' ? 'Watch' : 'Run and watch'}
          id="watch"
          footer={
            <WizardFooterWrapper>
              <Button
                variant="primary"
                component={(props: object) => <Link {...props} to={`/clusters/${encodeURIComponent(choice.name)}`} />}
              >
                To the cluster
              </Button>
            </WizardFooterWrapper>
          }
        >
          {outcome && <Watch outcome={outcome} type={choice.type} />}
        </WizardStep>
      </Wizard>
    </PageFrame>
  )
}
