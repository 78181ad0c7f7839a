import { Button, Form, FormGroup, FormSelect, FormSelectOption, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { type CredentialData, credentialTypes } from '#shared/contract/credential.ts'
import { createObject } from '../api/client.ts'
import { asFailure } from '../api/failure.ts'
import { listOf } from '../data/lists.ts'
import { placeCauses } from '../derive/causes.ts'
import { type CredentialType, credentialFieldPlaces, isCredentialComplete, typeNames } from '../derive/credential.ts'
import { nameProblem } from '../derive/names.ts'
import { CredentialFields } from './credential-fields.tsx'
import { FailureAlert } from './failure-alert.tsx'
import { TextField } from './fields.tsx'
import { Help } from './text.tsx'

const places = { ...credentialFieldPlaces, 'metadata.name': 'name', 'spec.description': 'description' } as Readonly<Record<string, string>>

export function CreateCredential({ isDisabled }: { isDisabled: boolean }) {
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [type, setType] = useState<CredentialType>('Password')
  const [data, setData] = useState<CredentialData>({})
  const close = () => {
    setOpen(false)
    setData({})
  }
  const create = useMutation({
    mutationFn: () => createObject('credentials', { metadata: { name }, spec: { type, ...(description && { description }), data } }),
    onSuccess: (credential) => {
      listOf('credentials').put(credential)
      close()
    },
  })
  const problem = name === '' ? undefined : nameProblem(name)
  const isReady = name !== '' && !problem && isCredentialComplete(type, data) && !create.isPending
  const { at, rest } = placeCauses(create.error ? asFailure(create.error) : undefined, places)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isReady) create.mutate()
  }
  const open = () => {
    create.reset()
    setName('')
    setDescription('')
    setData({})
    setOpen(true)
  }
  return (
    <>
      <Button variant="primary" onClick={open} isDisabled={isDisabled}>
        Create credential
      </Button>
      <Modal isOpen={isOpen} onClose={close} variant="medium" aria-labelledby="create-credential">
        <ModalHeader
          title="Create a credential"
          labelId="create-credential"
          description="Sealed before it is stored. Nobody can read it again, here or through the API; it can be replaced."
          help={<Help term="Credential" />}
        />
        <ModalBody>
          <Form id="create-credential-form" onSubmit={submit}>
            <TextField
              id="credential-name"
              label="Name"
              value={name}
              onChange={setName}
              problem={problem ?? at.name}
              hint="Lower-case letters, digits, dashes and dots; cannot be changed later."
              maxLength={253}
              isRequired
            />
            <FormGroup label="Type" fieldId="credential-type">
              <FormSelect
                id="credential-type"
                value={type}
                onChange={(_event, value) => {
                  setType(value as CredentialType)
                  setData({})
                }}
              >
                {credentialTypes.map((one) => (
                  <FormSelectOption key={one} value={one} label={typeNames[one]} />
                ))}
              </FormSelect>
            </FormGroup>
            <CredentialFields type={type} data={data} onChange={setData} problems={at} />
            <TextField
              id="credential-description"
              label="Description"
              value={description}
              onChange={setDescription}
              problem={at.description}
              maxLength={1024}
            />
            <FailureAlert
              title="The credential was not created"
              error={create.error}
              isAtField={rest.length === 0 && Object.keys(at).length > 0}
            />
          </Form>
        </ModalBody>
        <ModalFooter>
          <Button variant="primary" type="submit" form="create-credential-form" isDisabled={!isReady} isLoading={create.isPending}>
            Create
          </Button>
          <Button variant="link" onClick={close}>
            Cancel
          </Button>
        </ModalFooter>
      </Modal>
    </>
  )
}
