import {
  Button,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { createObject } from '../api/client.ts'
import { FailureAlert } from './failure-alert.tsx'

const lifetimes = [
  [86_400, '1 day'],
  [2_592_000, '30 days'],
  [31_536_000, '1 year'],
  [0, 'No end'],
] as const

export function CreateAccessToken({ isDisabled, onCreated }: { isDisabled: boolean; onCreated(secret: string): void }) {
  const [isOpen, setOpen] = useState(false)
  const [user, setUser] = useState('')
  const [groups, setGroups] = useState('')
  const [ttl, setTtl] = useState<number>(2_592_000)
  const create = useMutation({
    mutationFn: () => {
      const list = groups.split(/[\s,]+/).filter(Boolean)
      return createObject('accesstokens', {
        metadata: { generateName: 'token-' },
        spec: { user: user.trim(), ...(list.length > 0 && { groups: list }), ...(ttl > 0 && { ttlSeconds: ttl }) },
      })
    },
    onSuccess: (made) => {
      setOpen(false)
      onCreated(made.status?.token ?? '')
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (user.trim() !== '' && !create.isPending) create.mutate()
  }
  return (
    <>
      <Button variant="primary" onClick={() => setOpen(true)} isDisabled={isDisabled}>
        Create token
      </Button>
      <Modal isOpen={isOpen} onClose={() => setOpen(false)} variant="small" aria-labelledby="create-token">
        <ModalHeader
          title="Create an access token"
          labelId="create-token"
          description="What its bearer may do comes from the access bindings of the user and the groups."
        />
        <ModalBody>
          <Form id="create-token-form" onSubmit={submit}>
            <FormGroup label="User" isRequired fieldId="token-user">
              <TextInput
                id="token-user"
                value={user}
                onChange={(_event, value) => setUser(value)}
                isRequired
                maxLength={253}
                autoComplete="off"
              />
            </FormGroup>
            <FormGroup label="Groups" fieldId="token-groups">
              <TextInput
                id="token-groups"
                value={groups}
                onChange={(_event, value) => setGroups(value)}
                autoComplete="off"
                placeholder="none"
              />
            </FormGroup>
            <FormGroup label="Valid for" fieldId="token-ttl">
              <FormSelect id="token-ttl" value={ttl} onChange={(_event, value) => setTtl(Number(value))}>
                {lifetimes.map(([seconds, label]) => (
                  <FormSelectOption key={seconds} value={seconds} label={label} />
                ))}
              </FormSelect>
            </FormGroup>
            <FailureAlert title="The token was not created" error={create.error} />
          </Form>
        </ModalBody>
        <ModalFooter>
          <Button variant="primary" type="submit" form="create-token-form" isDisabled={user.trim() === ''} isLoading={create.isPending}>
            Create
          </Button>
          <Button variant="link" onClick={() => setOpen(false)}>
            Cancel
          </Button>
        </ModalFooter>
      </Modal>
    </>
  )
}
