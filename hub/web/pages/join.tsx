// Join a machine: what for → with which token → the command, and the machine as it appears.
import { Alert, Button, useWizardContext, Wizard, WizardFooterWrapper, WizardStep } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import type { JoinToken } from '#shared/contract/join-token.ts'
import { createObject } from '../api/client.ts'
import { CopyCommand } from '../components/copy-command.tsx'
import { FailureAlert } from '../components/failure-alert.tsx'
import { PurposeForm, TokenForm } from '../components/join-forms.tsx'
import { JoinLive } from '../components/join-live.tsx'
import { Nothing, PageFrame } from '../components/page.tsx'
import { useRole } from '../data/session.ts'
import { formatTime } from '../derive/format.ts'
import { addressProblem, type JoinChoice, joinTokenSpec } from '../derive/join.ts'

function CreateFooter({ choice, onCreated }: { choice: JoinChoice; onCreated(token: JoinToken): void }) {
  const { goToNextStep, goToPrevStep } = useWizardContext()
  const create = useMutation({
    mutationFn: () => createObject('jointokens', { metadata: { generateName: 'join-' }, spec: joinTokenSpec(choice) }),
    onSuccess: (token) => {
      onCreated(token)
      void goToNextStep()
    },
  })
  return (
    <WizardFooterWrapper>
      <div className="m-stack">
        <FailureAlert title="The token was not created" error={create.error} />
        <div className="m-buttons">
          <Button variant="secondary" onClick={() => void goToPrevStep()}>
            Back
          </Button>
          <Button
            variant="primary"
            onClick={() => create.mutate()}
            isLoading={create.isPending}
            isDisabled={create.isPending || addressProblem(choice.addresses) !== undefined}
          >
            Create token and command
          </Button>
        </div>
      </div>
    </WizardFooterWrapper>
  )
}

function Command({ token }: { token: JoinToken }) {
  const { installCommand, token: secret, expiresAt } = token.status ?? {}
  return (
    <div className="m-stack">
      <section aria-labelledby="join-command" className="m-stack">
        <h2 className="m-section-title" id="join-command">
          Run this as root on the machine
        </h2>
        <CopyCommand command={installCommand ?? secret ?? ''} label="Install command" />
        <Alert component="h2" variant="warning" isInline isPlain title="The token in it is shown only now">
          The hub keeps a hash. It is valid until {formatTime(expiresAt)} for {token.spec.uses ?? 1}{' '}
          {(token.spec.uses ?? 1) === 1 ? 'machine' : 'machines'}; if you lose it, create another.
        </Alert>
        <p className="m-dim">
          The command verifies this hub’s key before it trusts anything, installs the agent as a systemd service, and dials out: no port is
          opened on the machine.
        </p>
      </section>
      <JoinLive token={token.metadata.name} uses={token.spec.uses ?? 1} />
    </div>
  )
}

export function JoinPage() {
  const [params] = useSearchParams()
  const navigate = useNavigate()
  const { canOperate } = useRole()
  const [run, setRun] = useState(0)
  const [token, setToken] = useState<JoinToken>()
  const [choice, setChoice] = useState<JoinChoice>({
    clusterRef: params.get('cluster') ?? '',
    role: 'worker',
    uses: 1,
    ttlSeconds: 86_400,
    approval: 'Manual',
    hostname: '',
    addresses: '',
  })
  const change = (next: Partial<JoinChoice>) => setChoice((old) => ({ ...old, ...next }))
  const again = () => {
    setToken(undefined)
    setRun(run + 1)
  }
  if (!canOperate)
    return (
      <PageFrame title="Join a machine">
        <Nothing title="Joining machines needs the role operator" status="info">
          Ask an admin for an access binding, then open this page again.
        </Nothing>
      </PageFrame>
    )
  return (
    <PageFrame title="Join a machine">
      <Wizard key={run} navAriaLabel="Steps" isVisitRequired height="auto" className="m-wizard">
        <WizardStep name="Purpose" id="purpose" isDisabled={token !== undefined} footer={{ isBackHidden: true, isCancelHidden: true }}>
          <PurposeForm choice={choice} onChange={change} />
        </WizardStep>
        <WizardStep name="Token" id="token" isDisabled={token !== undefined} footer={<CreateFooter choice={choice} onCreated={setToken} />}>
          <TokenForm choice={choice} onChange={change} />
        </WizardStep>
        <WizardStep
          name="Run and watch"
          id="command"
          footer={
            <WizardFooterWrapper>
              <div className="m-buttons">
                <Button
                  variant="primary"
                  onClick={() => void navigate(choice.clusterRef ? `/clusters/${encodeURIComponent(choice.clusterRef)}` : '/machines')}
                >
                  Done
                </Button>
                <Button variant="link" onClick={again}>
                  Create another token
                </Button>
              </div>
            </WizardFooterWrapper>
          }
        >
          {token && <Command token={token} />}
        </WizardStep>
      </Wizard>
    </PageFrame>
  )
}
