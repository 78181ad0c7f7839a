// The questions of the join wizard.
import {
  Alert,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  NumberInput,
  Radio,
  TextInput,
} from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { useList } from '../data/hooks.ts'
import { addressProblem, type JoinChoice, lifetimes } from '../derive/join.ts'
import { CreateCluster } from './create-cluster.tsx'
import { Help } from './text.tsx'

export interface JoinFormProps {
  choice: JoinChoice
  onChange(change: Partial<JoinChoice>): void
}

function Hint({ children, isError }: { children: ReactNode; isError?: boolean }) {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem variant={isError ? 'error' : 'default'}>{children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  )
}

export function PurposeForm({ choice, onChange }: JoinFormProps) {
  const { items } = useList('clusters')
  const names = items.map((cluster) => cluster.metadata.name).sort()
  return (
    <Form isWidthLimited>
      <FormGroup label="Cluster" fieldId="join-cluster">
        <div className="m-buttons">
          <div className="m-select">
            <FormSelect id="join-cluster" value={choice.clusterRef} onChange={(_event, clusterRef) => onChange({ clusterRef })}>
              <FormSelectOption value="" label="No cluster yet" />
              {names.map((name) => (
                <FormSelectOption key={name} value={name} label={name} />
              ))}
            </FormSelect>
          </div>
          <CreateCluster onCreated={(clusterRef) => onChange({ clusterRef })} />
        </div>
        <Hint>Without a cluster a machine can be checked and prepared, and given to one later.</Hint>
      </FormGroup>
      <FormGroup label="Role" role="radiogroup" fieldId="join-role" labelHelp={<Help term="Role" />}>
        <Radio
          id="join-role-worker"
          name="join-role"
          label="Worker"
          description="Runs applications."
          isChecked={choice.role === 'worker'}
          onChange={() => onChange({ role: 'worker' })}
        />
        <Radio
          id="join-role-control"
          name="join-role"
          label="Control plane"
          description="Runs etcd and the API server; its preflight asks for more."
          isChecked={choice.role === 'controlPlane'}
          onChange={() => onChange({ role: 'controlPlane' })}
        />
      </FormGroup>
    </Form>
  )
}

export function TokenForm({ choice, onChange }: JoinFormProps) {
  const problem = addressProblem(choice.addresses)
  const setUses = (uses: number) => onChange({ uses: Math.min(10_000, Math.max(1, Math.round(uses) || 1)) })
  return (
    <Form isWidthLimited>
      <FormGroup label="Machines" fieldId="join-uses" labelHelp={<Help term="Uses" />}>
        <NumberInput
          value={choice.uses}
          min={1}
          max={10_000}
          onMinus={() => setUses(choice.uses - 1)}
          onPlus={() => setUses(choice.uses + 1)}
          onChange={(event) => setUses(Number(event.currentTarget.value))}
          inputProps={{ id: 'join-uses' }}
          inputAriaLabel="How many machines"
          minusBtnAriaLabel="One less"
          plusBtnAriaLabel="One more"
        />
        <Hint>The same command can be run on this many machines.</Hint>
      </FormGroup>
      <FormGroup label="Valid for" fieldId="join-ttl" labelHelp={<Help term="Join token" />}>
        <FormSelect id="join-ttl" value={choice.ttlSeconds} onChange={(_event, value) => onChange({ ttlSeconds: Number(value) })}>
          {lifetimes.map(([seconds, label]) => (
            <FormSelectOption key={seconds} value={seconds} label={label} />
          ))}
        </FormSelect>
      </FormGroup>
      <FormGroup label="Approval" role="radiogroup" fieldId="join-approval" labelHelp={<Help term="Approval" />}>
        <Radio
          id="join-manual"
          name="join-approval"
          label="Manual"
          description="You compare the fingerprint and approve each machine. Recommended."
          isChecked={choice.approval === 'Manual'}
          onChange={() => onChange({ approval: 'Manual' })}
        />
        <Radio
          id="join-automatic"
          name="join-approval"
          label="Automatic"
          description="Every machine that holds the token and matches the limits below is let in."
          isChecked={choice.approval === 'Automatic'}
          onChange={() => onChange({ approval: 'Automatic' })}
        />
      </FormGroup>
      {choice.approval === 'Automatic' && choice.hostname === '' && choice.addresses === '' && (
        <Alert component="h2" variant="warning" isInline title="Anyone who gets hold of this token can join a machine">
          Limit it to a host name or to the networks of your machines, and keep it short-lived.
        </Alert>
      )}
      <FormGroup label="Only this host name" fieldId="join-hostname">
        <TextInput
          id="join-hostname"
          value={choice.hostname}
          onChange={(_event, hostname) => onChange({ hostname })}
          maxLength={253}
          autoComplete="off"
          placeholder="any"
        />
      </FormGroup>
      <FormGroup label="Only from these networks" fieldId="join-addresses">
        <TextInput
          id="join-addresses"
          value={choice.addresses}
          onChange={(_event, addresses) => onChange({ addresses })}
          autoComplete="off"
          placeholder="any, or for example 10.20.0.0/16"
          validated={problem ? 'error' : 'default'}
        />
        <Hint isError={problem !== undefined}>
          {problem ?? 'As the hub sees the caller: behind NAT or a proxy that is the outer address.'}
        </Hint>
      </FormGroup>
    </Form>
  )
}
