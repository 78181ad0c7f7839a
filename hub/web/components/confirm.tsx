// Asks before something that cannot be taken back: says what ends and what stays; deleting wants the name typed.
import { Button, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { FailureAlert } from './failure-alert.tsx'
import { Mono } from './text.tsx'

export interface ConfirmProps {
  /** The button and the title, e.g. "Revoke". */
  verb: string
  title: string
  children: ReactNode
  /** Must be typed before the button works. */
  typed?: string
  isDisabled?: boolean
  /** For a button in a table's row. */
  isSmall?: boolean
  run(): Promise<unknown>
  onDone?(): void
}

export function ConfirmButton({ verb, title, children, typed, isDisabled, isSmall, run, onDone }: ConfirmProps) {
  const [isOpen, setOpen] = useState(false)
  const [text, setText] = useState('')
  const action = useMutation({
    mutationFn: run,
    onSuccess: () => {
      setOpen(false)
      onDone?.()
    },
  })
  const open = () => {
    setText('')
    action.reset()
    setOpen(true)
  }
  return (
    <>
      <Button variant="secondary" isDanger size={isSmall ? 'sm' : undefined} onClick={open} isDisabled={isDisabled}>
        {verb}
      </Button>
      <Modal isOpen={isOpen} onClose={() => setOpen(false)} variant="small" aria-labelledby="confirm-title" aria-describedby="confirm-body">
        <ModalHeader title={title} labelId="confirm-title" titleIconVariant="warning" />
        <ModalBody id="confirm-body">
          <div className="m-gap">
            <div>{children}</div>
            {typed !== undefined && (
              <FormGroup
                fieldId="confirm-name"
                label={
                  <>
                    Type <Mono>{typed}</Mono> to confirm
                  </>
                }
              >
                <TextInput id="confirm-name" value={text} onChange={(_event, value) => setText(value)} autoComplete="off" />
              </FormGroup>
            )}
            <FailureAlert title="It was not done" error={action.error} />
          </div>
        </ModalBody>
        <ModalFooter>
          <Button
            variant="danger"
            onClick={() => action.mutate()}
            isLoading={action.isPending}
            isDisabled={action.isPending || (typed !== undefined && text !== typed)}
          >
            {verb}
          </Button>
          <Button variant="link" onClick={() => setOpen(false)}>
            Keep it
          </Button>
        </ModalFooter>
      </Modal>
    </>
  )
}
