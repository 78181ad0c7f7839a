// The questions about a machine on which the hub installs the agent over SSH.
import { FormGroup, FormSelect, FormSelectOption, Radio } from '@patternfly/react-core'
import { useList } from '../data/hooks.ts'
import { typeNames } from '../derive/credential.ts'
import { agentProxyOf, machineNameOf, type SshChoice, type SshField } from '../derive/ssh.ts'
import { FileField, Hint, TextField } from './fields.tsx'
import { ProxyFields } from './proxy-fields.tsx'
import { Help } from './text.tsx'

export interface SshFormProps {
  choice: SshChoice
  onChange(change: Partial<SshChoice>): void
  problems: Partial<Record<SshField, string>>
}

function Server({ choice, onChange, problems }: SshFormProps) {
  return (
    <>
      <TextField
        id="ssh-host"
        label="Host"
        value={choice.host}
        onChange={(host) => onChange({ host: host.trim() })}
        problem={problems.host}
        hint="Address or DNS name of its SSH server, as this hub reaches it."
        labelHelp={<Help term="Host key" />}
        maxLength={253}
        isRequired
      />
      <TextField
        id="ssh-port"
        label="Port"
        value={choice.port}
        onChange={(port) => onChange({ port })}
        problem={problems.port}
        maxLength={5}
      />
      <TextField
        id="ssh-user"
        label="User"
        value={choice.user}
        onChange={(user) => onChange({ user })}
        problem={problems.user}
        hint="Any other than root needs sudo."
        maxLength={64}
      />
      <TextField
        id="ssh-name"
        label="Name of the machine"
        value={choice.name}
        onChange={(name) => onChange({ name })}
        problem={problems.name}
        hint="Cannot be changed later; without one it is called as its host."
        placeholder={machineNameOf(choice)}
        maxLength={253}
      />
    </>
  )
}

function Secret({ choice, onChange, problems }: SshFormProps) {
  const { items } = useList('credentials')
  const usable = items.filter(({ spec }) => spec.type === 'Password' || spec.type === 'SSHKey')
  const radio = (by: SshChoice['by'], label: string, description: string) => (
    <Radio
      id={`ssh-by-${by}`}
      name="ssh-by"
      label={label}
      description={description}
      isChecked={choice.by === by}
      onChange={() => onChange({ by })}
    />
  )
  return (
    <>
      <FormGroup label="Log in with" role="radiogroup" fieldId="ssh-by">
        {radio('key', 'Private key', 'Recommended.')}
        {radio('password', 'Password', 'Also answers sudo.')}
        {radio('existing', 'A credential that is there', 'The same key or password for many machines.')}
      </FormGroup>
      {choice.by === 'key' && (
        <>
          <FileField
            id="ssh-privateKey"
            label="Private key"
            value={choice.privateKey}
            onChange={(privateKey) => onChange({ privateKey })}
            problem={problems.privateKey}
            hint="OpenSSH or PEM. It is sealed before it is stored and shown to nobody."
            maxBytes={65_536}
            isRequired
          />
          <TextField
            id="ssh-passphrase"
            label="Passphrase of the key"
            type="password"
            value={choice.passphrase}
            onChange={(passphrase) => onChange({ passphrase })}
            problem={problems.passphrase}
            hint="Empty when the key has none."
            maxLength={1024}
          />
          {choice.user !== 'root' && choice.user !== '' && (
            <TextField
              id="ssh-sudoPassword"
              label="Password for sudo"
              type="password"
              value={choice.sudoPassword}
              onChange={(sudoPassword) => onChange({ sudoPassword })}
              problem={problems.sudoPassword}
              hint="Empty when sudo does not ask."
              maxLength={1024}
            />
          )}
        </>
      )}
      {choice.by === 'password' && (
        <TextField
          id="ssh-password"
          label="Password"
          type="password"
          value={choice.password}
          onChange={(password) => onChange({ password })}
          problem={problems.password}
          maxLength={1024}
          isRequired
        />
      )}
      {choice.by === 'existing' && (
        <FormGroup label="Credential" fieldId="ssh-existing" isRequired>
          <FormSelect
            id="ssh-existing"
            value={choice.existing}
            onChange={(_event, existing) => onChange({ existing })}
            validated={problems.existing ? 'error' : 'default'}
            aria-describedby="ssh-existing-hint"
          >
            <FormSelectOption value="" label={usable.length > 0 ? 'Choose one' : 'There is none'} />
            {usable.map(({ metadata, spec }) => (
              <FormSelectOption key={metadata.name} value={metadata.name} label={`${metadata.name} (${typeNames[spec.type]})`} />
            ))}
          </FormSelect>
          <Hint id="ssh-existing-hint" problem={problems.existing}>
            Of the types password and SSH key; made under Credentials.
          </Hint>
        </FormGroup>
      )}
    </>
  )
}

function Belonging({ choice, onChange, problems }: SshFormProps) {
  const { items } = useList('clusters')
  const names = items.map(({ metadata }) => metadata.name).sort()
  return (
    <>
      <FormGroup label="Cluster" fieldId="ssh-clusterRef">
        <FormSelect
          id="ssh-clusterRef"
          value={choice.clusterRef}
          onChange={(_event, clusterRef) => onChange({ clusterRef })}
          validated={problems.clusterRef ? 'error' : 'default'}
        >
          <FormSelectOption value="" label="No cluster yet" />
          {names.map((name) => (
            <FormSelectOption key={name} value={name} label={name} />
          ))}
        </FormSelect>
        <Hint id="ssh-clusterRef-hint" problem={problems.clusterRef} />
      </FormGroup>
      <FormGroup label="Role" role="radiogroup" fieldId="ssh-role" labelHelp={<Help term="Role" />}>
        <Radio
          id="ssh-role-worker"
          name="ssh-role"
          label="Worker"
          isChecked={choice.role === 'worker'}
          onChange={() => onChange({ role: 'worker' })}
        />
        <Radio
          id="ssh-role-control"
          name="ssh-role"
          label="Control plane"
          isChecked={choice.role === 'controlPlane'}
          onChange={() => onChange({ role: 'controlPlane' })}
        />
      </FormGroup>
    </>
  )
}

function AgentProxy({ choice, onChange, problems }: SshFormProps) {
  const { agentProxyUrl: proxyUrl, agentProxyUser: proxyUser, agentProxyPassword: proxyPassword } = problems
  return (
    <ProxyFields
      id="ssh-agentProxy"
      title="The agent behind a proxy"
      hint="The agent dials this hub through it; as the machine reaches it: socks5://host:port, or http://host:port for one that takes CONNECT."
      choice={agentProxyOf(choice)}
      onChange={(change) =>
        onChange({
          ...(change.proxyUrl !== undefined && { agentProxyUrl: change.proxyUrl }),
          ...(change.proxyUser !== undefined && { agentProxyUser: change.proxyUser }),
          ...(change.proxyPassword !== undefined && { agentProxyPassword: change.proxyPassword }),
        })
      }
      problems={{ ...(proxyUrl && { proxyUrl }), ...(proxyUser && { proxyUser }), ...(proxyPassword && { proxyPassword }) }}
    />
  )
}

export function SshForm(props: SshFormProps) {
  const { proxyUrl, proxyUser, proxyPassword } = props.problems
  return (
    <>
      <Server {...props} />
      <Secret {...props} />
      <Belonging {...props} />
      <ProxyFields
        id="ssh-proxy"
        choice={props.choice}
        onChange={props.onChange}
        problems={{ ...(proxyUrl && { proxyUrl }), ...(proxyUser && { proxyUser }), ...(proxyPassword && { proxyPassword }) }}
      />
      <AgentProxy {...props} />
    </>
  )
}

/** Id of the element of each field, for the focus. */
export const sshFieldIds = {
  host: 'ssh-host',
  port: 'ssh-port',
  user: 'ssh-user',
  name: 'ssh-name',
  privateKey: 'ssh-privateKey',
  passphrase: 'ssh-passphrase',
  sudoPassword: 'ssh-sudoPassword',
  password: 'ssh-password',
  existing: 'ssh-existing',
  clusterRef: 'ssh-clusterRef',
  proxyUrl: 'ssh-proxy-url',
  proxyUser: 'ssh-proxy-user',
  proxyPassword: 'ssh-proxy-password',
  agentProxyUrl: 'ssh-agentProxy-url',
  agentProxyUser: 'ssh-agentProxy-user',
  agentProxyPassword: 'ssh-agentProxy-password',
} as const satisfies Record<SshField, string>
