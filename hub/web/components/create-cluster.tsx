import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { createObject } from '../api/client.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { nameProblem } from '../derive/names.ts'
import { FailureAlert } from './failure-alert.tsx'
import { Help } from './text.tsx'

/** Creates a cluster of the type Registered beside something else; the cluster itself can be registered later, on its page. */
export function CreateCluster({ onCreated }: { onCreated(name: string): void }) {
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [displayName, setDisplayName] = useState('')
  const { canOperate } = useRole()
  const create = useMutation({
    mutationFn: () => createObject('clusters', { metadata: { name }, spec: { type: 'Registered', ...(displayName && { displayName }) } }),
    onSuccess: (cluster) => {
      listOf('clusters').put(cluster)
      setOpen(false)
      onCreated(cluster.metadata.name)
    },
  })
  const problem = name === '' ? undefined : nameProblem(name)
  const isReady = name !== '' && !problem && !create.isPending
  const submit = (event: FormEvent) => {
    event.preventDefault()
    event.stopPropagation()
    if (isReady) create.mutate()
  }
  const open = () => {
    setName('')
    setDisplayName('')
    create.reset()
    setOpen(true)
  }
  return (
    <>
      <Button variant="secondary" onClick={open} isDisabled={!canOperate}>
        Create cluster
      </Button>
      <Modal isOpen={isOpen} onClose={() => setOpen(false)} variant="small" aria-labelledby="create-cluster">
        <ModalHeader
          title="Create a registered cluster"
          labelId="create-cluster"
          description="Its machines are grouped under it. To reach its Kubernetes API as well, register it on its page afterwards."
          help={<Help term="Registered" />}
        />
        <ModalBody>
          <Form onSubmit={submit} id="create-cluster-form">
            <FormGroup label="Name" isRequired fieldId="cluster-name">
              <TextInput
                id="cluster-name"
                value={name}
                onChange={(_event, value) => setName(value)}
                validated={problem ? 'error' : 'default'}
                autoComplete="off"
                isRequired
                aria-describedby="cluster-name-help"
              />
              <FormHelperText>
                <HelperText>
                  <HelperTextItem id="cluster-name-help" variant={problem ? 'error' : 'default'}>
                    {problem ?? 'Lower-case letters, digits, dashes and dots; cannot be changed later.'}
                  </HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
            <FormGroup label="Display name" fieldId="cluster-display">
              <TextInput
                id="cluster-display"
                value={displayName}
                onChange={(_event, value) => setDisplayName(value)}
                maxLength={128}
                autoComplete="off"
              />
            </FormGroup>
            <FailureAlert title="The cluster was not created" error={create.error} />
          </Form>
        </ModalBody>
        <ModalFooter>
          <Button variant="primary" type="submit" form="create-cluster-form" isDisabled={!isReady} isLoading={create.isPending}>
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
