// The questions about a cluster that the hub dials itself.
import { FormGroup, Radio } from '@patternfly/react-core'
import type { ImportChoice, ImportField } from '../derive/import.ts'
import { FileField, TextField } from './fields.tsx'
import { ProxyFields } from './proxy-fields.tsx'
import { Help } from './text.tsx'

export interface ImportFormProps {
  choice: ImportChoice
  onChange(change: Partial<ImportChoice>): void
  problems: Partial<Record<ImportField, string>>
}

export function KubeconfigField({ value, onChange, problem }: { value: string; onChange(value: string): void; problem?: string }) {
  return (
    <FileField
      id="import-kubeconfig"
      label="Kubeconfig"
      labelHelp={<Help term="Kubeconfig" />}
      value={value}
      onChange={onChange}
      problem={problem}
      hint="Of an admin of the cluster, with certificates and keys inline (kubectl config view --raw --minify --flatten). Its current context is used."
      maxBytes={262_144}
      isRequired
    />
  )
}

export function TokenField({ value, onChange, problem }: { value: string; onChange(value: string): void; problem?: string }) {
  return (
    <TextField
      id="import-token"
      label="Token"
      type="password"
      value={value}
      onChange={onChange}
      problem={problem}
      hint="A bearer token of a service account that may impersonate and read; its end is watched when the token names it."
      maxLength={16_384}
      isRequired
    />
  )
}

export function ImportForm({ choice, onChange, problems }: ImportFormProps) {
  return (
    <>
      <FormGroup label="Given by" role="radiogroup" fieldId="import-by">
        <Radio
          id="import-by-kubeconfig"
          name="import-by"
          label="Kubeconfig"
          description="A file that has address, CA and credential."
          isChecked={choice.by === 'kubeconfig'}
          onChange={() => onChange({ by: 'kubeconfig' })}
        />
        <Radio
          id="import-by-token"
          name="import-by"
          label="Address, CA and token"
          description="Of a service account in the cluster."
          isChecked={choice.by === 'token'}
          onChange={() => onChange({ by: 'token' })}
        />
      </FormGroup>
      {choice.by === 'kubeconfig' ? (
        <KubeconfigField value={choice.kubeconfig} onChange={(kubeconfig) => onChange({ kubeconfig })} problem={problems.kubeconfig} />
      ) : (
        <>
          <TextField
            id="import-apiServer"
            label="Address of the API server"
            value={choice.apiServer}
            onChange={(apiServer) => onChange({ apiServer })}
            problem={problems.apiServer}
            hint="As this hub reaches it, not as you do from here."
            placeholder="https://10.20.0.11:6443"
            maxLength={512}
            isRequired
          />
          <FileField
            id="import-certificateAuthority"
            label="CA certificate"
            value={choice.certificateAuthority}
            onChange={(certificateAuthority) => onChange({ certificateAuthority })}
            problem={problems.certificateAuthority}
            hint="PEM of the CA that signed the API server’s certificate. Leave it empty when a public CA did."
            maxBytes={65_536}
          />
          <TokenField value={choice.token} onChange={(token) => onChange({ token })} problem={problems.token} />
        </>
      )}
      <ProxyFields id="import-proxy" choice={choice} onChange={onChange} problems={pick(problems)} />
    </>
  )
}

function pick({ proxyUrl, proxyUser, proxyPassword }: Partial<Record<ImportField, string>>) {
  return { ...(proxyUrl && { proxyUrl }), ...(proxyUser && { proxyUser }), ...(proxyPassword && { proxyPassword }) }
}

/** Id of the element of each field, for the focus. */
export const importFieldIds: Readonly<Record<ImportField, string>> = {
  name: 'cluster-name',
  displayName: 'cluster-display',
  kubeconfig: 'import-kubeconfig',
  apiServer: 'import-apiServer',
  certificateAuthority: 'import-certificateAuthority',
  token: 'import-token',
  proxyUrl: 'import-proxy-url',
  proxyUser: 'import-proxy-user',
  proxyPassword: 'import-proxy-password',
}
