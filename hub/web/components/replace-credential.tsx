// Writes a new secret into a Credential: the old one cannot be read, by anybody, so the form begins empty.
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Credential, CredentialData } from '#shared/contract/credential.ts'
import { patchSpec } from '../api/client.ts'
import { asFailure } from '../api/failure.ts'
import { listOf } from '../data/lists.ts'
import { placeCauses } from '../derive/causes.ts'
import { credentialFieldPlaces, isCredentialComplete } from '../derive/credential.ts'
import { CredentialFields } from './credential-fields.tsx'
import { FailureAlert } from './failure-alert.tsx'

export interface ReplaceCredentialProps {
  name: string
  type: Credential['spec']['type']
  isDisabled?: boolean
  isSmall?: boolean
  /** Names what it is replaced for, when the button stands elsewhere than in a list of credentials. */
  label?: string
}

export function ReplaceCredential({ name, type, isDisabled, isSmall, label = 'Replace' }: ReplaceCredentialProps) {
  const [isOpen, setOpen] = useState(false)
  const [data, setData] = useState<CredentialData>({})
  const close = () => {
    setOpen(false)
    setData({})
  }
  const replace = useMutation({
    mutationFn: () => patchSpec('credentials', name, { data }),
    onSuccess: (credential) => {
      listOf('credentials').put(credential)
      close()
    },
  })
  const failure = replace.error ? asFailure(replace.error) : undefined
  const { at, rest } = placeCauses(failure, credentialFieldPlaces)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isCredentialComplete(type, data) && !replace.isPending) replace.mutate()
  }
  const open = () => {
    replace.reset()
    setData({})
    setOpen(true)
  }
  return (
    <>
      <Button
        variant="secondary"
        size={isSmall ? 'sm' : undefined}
        onClick={open}
        isDisabled={isDisabled}
        aria-label={label === 'Replace' ? `Replace ${name}` : undefined}
      >
        {label}
      </Button>
      <Modal isOpen={isOpen} onClose={close} variant="medium" aria-labelledby="replace-credential">
        <ModalHeader
          title={`Replace the secret of ${name}`}
          labelId="replace-credential"
          description="Whatever uses it goes on with the new one. The hub tries it first where it can, and refuses one that leads to another cluster."
        />
        <ModalBody>
          <Form id="replace-credential-form" onSubmit={submit}>
            <CredentialFields type={type} data={data} onChange={setData} problems={at} />
            <FailureAlert
              title="The old secret is still in use"
              error={replace.error}
              isAtField={rest.length === 0 && Object.keys(at).length > 0}
            />
          </Form>
        </ModalBody>
        <ModalFooter>
          <Button
            variant="primary"
            type="submit"
            form="replace-credential-form"
            isDisabled={!isCredentialComplete(type, data) || replace.isPending}
            isLoading={replace.isPending}
          >
            Replace
          </Button>
          <Button variant="link" onClick={close}>
            Keep the old one
          </Button>
        </ModalFooter>
      </Modal>
    </>
  )
}
