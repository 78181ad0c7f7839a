// Who may call this hub: access tokens and bindings. A token's secret is shown once, when it is made.
import { Alert } from '@patternfly/react-core'
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import { useState } from 'react'
import type { AccessBinding, AccessToken } from '#shared/contract/access.ts'
import { deleteObject } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm.tsx'
import { CopyCommand } from '../components/copy-command.tsx'
import { CreateAccessToken } from '../components/create-access-token.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { Age, Dim, Help, Plain } from '../components/text.tsx'
import { useList } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { formatTime } from '../derive/format.ts'

/** Set by the hub on the tokens behind signed-in browsers. */
const sessionLabel = 'moorline.dev/session'

function Tokens({ tokens, canDelete }: { tokens: readonly AccessToken[]; canDelete: boolean }) {
  return (
    <Table aria-label="Access tokens" variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Kind</Th>
          <Th>User</Th>
          <Th>Groups</Th>
          <Th>Expires</Th>
          <Th>Age</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {tokens.map(({ metadata, spec, status }) => (
          <Tr key={metadata.name}>
            <Td dataLabel="Name">{metadata.name}</Td>
            <Td dataLabel="Kind">{metadata.labels?.[sessionLabel] ? 'browser session' : 'token'}</Td>
            <Td dataLabel="User">
              <Plain max={128}>{spec.user}</Plain>
            </Td>
            <Td dataLabel="Groups">{spec.groups?.length ? <Plain max={256}>{spec.groups.join(', ')}</Plain> : <Dim>–</Dim>}</Td>
            <Td dataLabel="Expires">{status?.expiresAt ? formatTime(status.expiresAt) : <Dim>never</Dim>}</Td>
            <Td dataLabel="Age">
              <Age at={metadata.creationTimestamp} />
            </Td>
            <Td isActionCell>
              <ConfirmButton
                verb="Withdraw"
                isSmall
                title={`Withdraw ${metadata.name}?`}
                isDisabled={!canDelete}
                run={() => deleteObject('accesstokens', metadata.name)}
              >
                Whoever uses it is refused from now on, and its open connections end.
              </ConfirmButton>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  )
}

function Bindings({ bindings }: { bindings: readonly AccessBinding[] }) {
  if (bindings.length === 0)
    return (
      <Nothing isSmall title="No access binding">
        Apply an AccessBinding with kubectl to give users or groups a role.
      </Nothing>
    )
  return (
    <Table aria-label="Access bindings" variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>Name</Th>
          <Th>Role</Th>
          <Th>Who</Th>
          <Th>Limited to</Th>
        </Tr>
      </Thead>
      <Tbody>
        {bindings.map(({ metadata, spec }) => (
          <Tr key={metadata.name}>
            <Td dataLabel="Name">{metadata.name}</Td>
            <Td dataLabel="Role">{spec.role}</Td>
            <Td dataLabel="Who" modifier="breakWord">
              <Plain max={1024}>{spec.subjects.map(({ kind, name }) => `${kind} ${name}`).join(', ')}</Plain>
            </Td>
            <Td dataLabel="Limited to">{spec.clusterRef ?? <Dim>the whole fleet</Dim>}</Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  )
}

export function AccessPage() {
  const tokens = useList('accesstokens')
  const bindings = useList('accessbindings')
  const { isAdmin } = useRole()
  const [secret, setSecret] = useState<string>()
  if (tokens.state.phase === 'refused')
    return (
      <PageFrame title="Access">
        <Failed what="Access tokens cannot be shown" failure={tokens.state.failure} />
      </PageFrame>
    )
  return (
    <PageFrame
      title="Access"
      description="Who may use this hub, with kubectl, scripts or this page."
      actions={<CreateAccessToken isDisabled={!isAdmin} onCreated={setSecret} />}
    >
      {secret && (
        <Alert component="h2" variant="success" isInline title="The token is shown only now">
          <p>Store it in a safe place; the hub keeps only its hash.</p>
          <CopyCommand command={secret} label="Access token" />
        </Alert>
      )}
      <section aria-labelledby="tokens">
        <h2 className="m-section-title m-section-head" id="tokens">
          Access tokens <Help term="Access token" />
        </h2>
        {!tokens.isComplete ? <Loading what="access tokens" /> : <Tokens tokens={tokens.items} canDelete={isAdmin} />}
      </section>
      <section aria-labelledby="bindings">
        <h2 className="m-section-title m-section-head" id="bindings">
          Access bindings
        </h2>
        {!bindings.isComplete ? <Loading what="access bindings" /> : <Bindings bindings={bindings.items} />}
      </section>
    </PageFrame>
  )
}
