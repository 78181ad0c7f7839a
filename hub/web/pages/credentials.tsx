// Secrets that the hub uses on somebody's behalf: which there are, who uses them, when they end. Never what is in them.
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon'
import { useMemo } from 'react'
import { Link } from 'react-router'
import type { Credential } from '#shared/contract/credential.ts'
import { deleteObject } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm.tsx'
import { CreateCredential } from '../components/create-credential.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { ReplaceCredential } from '../components/replace-credential.tsx'
import { type Column, type Filter, ResourceTable } from '../components/resource-table.tsx'
import { Status } from '../components/status.tsx'
import { Age, Dim, Mono, Plain } from '../components/text.tsx'
import { useList, useNow } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { isTroubled } from '../derive/conditions.ts'
import { typeNames, type UsedBy, usersOfCredentials } from '../derive/credential.ts'
import { formatDuration, formatTime, plural } from '../derive/format.ts'

interface Row {
  credential: Credential
  users: readonly UsedBy[]
  canWrite: boolean
}
const warningMs = 30 * 24 * 3600 * 1000

function Expiry({ at }: { at: string | undefined }) {
  const now = useNow(60_000)
  if (!at) return <Dim>not known</Dim>
  const left = Date.parse(at) - now.getTime()
  const state = left <= 0 ? 'failed' : left < warningMs ? 'warning' : 'passed'
  return (
    <>
      <Status state={state}>{left <= 0 ? `expired ${formatDuration(-left)} ago` : `in ${formatDuration(left)}`}</Status>
      <div className="m-sub">{formatTime(at)}</div>
    </>
  )
}

function Users({ users }: { users: readonly UsedBy[] }) {
  if (users.length === 0) return <Dim>nothing</Dim>
  return (
    <ul>
      {users.slice(0, 5).map(({ label, to }) => (
        <li key={label}>
          <Link to={to}>{label}</Link>
        </li>
      ))}
      {users.length > 5 && <li className="m-sub">and {plural(users.length - 5, 'more', 'more')}</li>}
    </ul>
  )
}

const columns: Column<Row>[] = [
  {
    key: 'name',
    title: 'Name',
    sortValue: ({ credential }) => credential.metadata.name,
    cell: ({ credential: { metadata, spec, status } }) => {
      const trouble = status?.conditions?.find(isTroubled)
      return (
        <>
          {metadata.name}
          {spec.description && (
            <div className="m-sub">
              <Plain max={128}>{spec.description}</Plain>
            </div>
          )}
          {trouble && (
            <div>
              <Status state="warning">
                <Plain max={240}>{trouble.message}</Plain>
              </Status>
            </div>
          )}
        </>
      )
    },
  },
  {
    key: 'type',
    title: 'Type',
    sortValue: ({ credential }) => credential.spec.type,
    cell: ({ credential }) => typeNames[credential.spec.type],
  },
  { key: 'users', title: 'Used by', sortValue: ({ users }) => users.length, cell: ({ users }) => <Users users={users} /> },
  {
    key: 'expires',
    title: 'Expires',
    sortValue: ({ credential }) => credential.status?.expiresAt,
    cell: ({ credential }) => <Expiry at={credential.status?.expiresAt} />,
    modifier: 'nowrap',
  },
  {
    key: 'fingerprint',
    title: 'Fingerprint',
    help: 'Credential fingerprint',
    cell: ({ credential }) => (credential.status?.fingerprint ? <Mono max={64}>{credential.status.fingerprint}</Mono> : <Dim>–</Dim>),
    isSecondary: true,
  },
  {
    key: 'changed',
    title: 'Changed',
    sortValue: ({ credential }) => credential.status?.updatedAt ?? credential.metadata.creationTimestamp ?? undefined,
    cell: ({ credential }) => <Age at={credential.status?.updatedAt ?? credential.metadata.creationTimestamp} suffix="ago" />,
    modifier: 'nowrap',
  },
  {
    key: 'actions',
    title: 'Actions',
    cell: ({ credential, users, canWrite }) => (
      <div className="m-buttons">
        <ReplaceCredential name={credential.metadata.name} type={credential.spec.type} isSmall isDisabled={!canWrite} />
        <ConfirmButton
          verb="Delete"
          isSmall
          title={`Delete the credential ${credential.metadata.name}?`}
          isDisabled={!canWrite}
          run={() => deleteObject('credentials', credential.metadata.name)}
        >
          {users.length > 0
            ? `${users[0]?.label}${users.length > 1 ? ` and ${users.length - 1} more` : ''} cannot be reached without it; the hub refuses to delete it while it is in use. Replace it instead.`
            : 'Nothing uses it. It cannot be brought back.'}
        </ConfirmButton>
      </div>
    ),
  },
]
const filters: Filter<Row>[] = [
  { key: 'type', title: 'Type', labels: typeNames, valuesOf: ({ credential }) => [credential.spec.type] },
  { key: 'use', title: 'Use', valuesOf: ({ users }) => [users.length > 0 ? 'In use' : 'Not used'] },
]
const textOf = ({ credential, users }: Row) =>
  [credential.metadata.name, credential.spec.description, credential.spec.type, ...users.slice(0, 50).map(({ label }) => label)].join(' ')

export function CredentialsPage() {
  const { items, isComplete, state } = useList('credentials')
  const clusters = useList('clusters')
  const machines = useList('machines')
  const { canOperate } = useRole()
  const users = useMemo(() => usersOfCredentials(clusters.items, machines.items), [clusters.items, machines.items])
  const rows = useMemo(
    () => items.map((credential) => ({ credential, users: users.get(credential.metadata.name) ?? [], canWrite: canOperate })),
    [items, users, canOperate],
  )
  return (
    <PageFrame
      title="Credentials"
      description="Secrets with which the hub reaches imported clusters, SSH servers and proxies. They are sealed, and shown to nobody."
      actions={<CreateCredential isDisabled={!canOperate} />}
    >
      {state.phase === 'refused' ? (
        <Failed what="The credentials cannot be shown" failure={state.failure} />
      ) : !isComplete && items.length === 0 ? (
        <Loading what="credentials" />
      ) : (
        <ResourceTable
          label="Credentials"
          rows={rows}
          keyOf={({ credential }) => credential.metadata.name}
          columns={columns}
          filters={filters}
          textOf={textOf}
          searchHint="Name, description, user"
          defaultSort="name"
          empty={
            <Nothing title="No credential yet" icon={KeyIcon} action={<Link to="/create-cluster?type=Imported">Import a cluster</Link>}>
              They are made when you import a cluster or add a machine over SSH, or here, to be used for many machines.
            </Nothing>
          }
        />
      )}
    </PageFrame>
  )
}
