import type { CredentialData } from '#shared/contract/credential.ts'
import { type CredentialField, type CredentialType, credentialFields } from '../derive/credential.ts'
import { FileField, TextField } from './fields.tsx'

export interface CredentialFieldsProps {
  type: CredentialType
  data: CredentialData
  onChange(data: CredentialData): void
  problems: Partial<Record<CredentialField, string>>
}

const labels: Readonly<Record<CredentialField, string>> = {
  kubeconfig: 'Kubeconfig',
  token: 'Token',
  username: 'User',
  password: 'Password',
  privateKey: 'Private key',
  passphrase: 'Passphrase of the key',
  sudoPassword: 'Password for sudo',
}
const hints: Partial<Record<CredentialField, string>> = {
  kubeconfig: 'The whole file, with certificates and keys inline (kubectl config view --raw --minify --flatten).',
  username: 'For a proxy. SSH takes the user from the machine.',
  password: 'For SSH, and sudo there, or for a proxy.',
  privateKey: 'OpenSSH or PEM.',
  passphrase: 'Empty when the key has none.',
  sudoPassword: 'Empty when sudo does not ask, or the user is root.',
}
const multiline: Partial<Record<CredentialField, number>> = { kubeconfig: 262_144, privateKey: 65_536 }

export function CredentialFields({ type, data, onChange, problems }: CredentialFieldsProps) {
  return credentialFields[type].map((field, index) => {
    const common = {
      id: `credential-${field}`,
      label: labels[field],
      value: data[field] ?? '',
      // An empty field is absent: the API takes no empty secret.
      onChange: (value: string) => onChange({ ...data, [field]: value === '' ? undefined : value }),
      problem: problems[field],
      hint: hints[field],
      isRequired: index === 0,
    }
    const maxBytes = multiline[field]
    if (maxBytes !== undefined) return <FileField key={field} {...common} maxBytes={maxBytes} />
    return (
      <TextField key={field} {...common} type={field === 'username' ? 'text' : 'password'} maxLength={field === 'token' ? 16_384 : 1024} />
    )
  })
}
