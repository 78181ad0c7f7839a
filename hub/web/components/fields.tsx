// Fields of forms: label, what it is for, and what is wrong with it, tied together for those who do not see them side by side.
import { Button, FormGroup, FormHelperText, HelperText, HelperTextItem, TextArea, TextInput } from '@patternfly/react-core'
import { type ReactNode, useRef, useState } from 'react'
import { printable } from '../derive/format.ts'

export interface FieldProps {
  id: string
  label: string
  value: string
  onChange(value: string): void
  /** What it is, when nothing is wrong. */
  hint?: ReactNode
  problem?: string
  isRequired?: boolean
  placeholder?: string
  labelHelp?: React.ReactElement
}

export function Hint({ id, children, problem }: { id: string; children?: ReactNode; problem?: string }) {
  if (!problem && !children) return null
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem id={id} variant={problem ? 'error' : 'default'}>
          {problem ? printable(problem, 1024) : children}
        </HelperTextItem>
      </HelperText>
    </FormHelperText>
  )
}

function describedBy({ id, hint, problem }: FieldProps) {
  return {
    id,
    validated: problem ? ('error' as const) : ('default' as const),
    autoComplete: 'off',
    'aria-describedby': hint || problem ? `${id}-hint` : undefined,
    'aria-invalid': problem !== undefined,
  }
}

export function TextField({
  type = 'text',
  maxLength,
  ...props
}: FieldProps & { type?: 'text' | 'password' | 'number'; maxLength?: number }) {
  const { id, label, value, onChange, hint, problem, isRequired, placeholder, labelHelp } = props
  return (
    <FormGroup label={label} isRequired={isRequired} fieldId={id} labelHelp={labelHelp}>
      <TextInput
        {...describedBy(props)}
        // A password that is set for something else is not one to be filled in or remembered.
        autoComplete={type === 'password' ? 'new-password' : 'off'}
        type={type}
        value={value}
        onChange={(_event, next) => onChange(next)}
        isRequired={isRequired}
        placeholder={placeholder}
        maxLength={maxLength}
        spellCheck={false}
      />
      <Hint id={`${id}-hint`} problem={problem}>
        {hint}
      </Hint>
    </FormGroup>
  )
}

/** Text of several lines, pasted or read from a file that stays in the browser until the form is sent. */
export function FileField({ maxBytes, ...props }: FieldProps & { maxBytes: number }) {
  const { id, label, value, onChange, hint, isRequired, placeholder, labelHelp } = props
  const input = useRef<HTMLInputElement>(null)
  const [refusal, setRefusal] = useState<string>()
  const problem = refusal ?? props.problem
  const read = async (file: File | undefined) => {
    if (!file) return
    if (file.size > maxBytes) return setRefusal(`${file.name} has ${file.size} bytes; at most ${maxBytes} can be stored.`)
    setRefusal(undefined)
    onChange(await file.text())
  }
  return (
    <FormGroup label={label} isRequired={isRequired} fieldId={id} labelHelp={labelHelp}>
      <div className="m-gap-small">
        <TextArea
          {...describedBy({ ...props, problem })}
          className="m-secret-text"
          value={value}
          onChange={(_event, next) => {
            setRefusal(undefined)
            onChange(next)
          }}
          isRequired={isRequired}
          placeholder={placeholder}
          rows={6}
          resizeOrientation="vertical"
          spellCheck={false}
        />
        <div>
          <Button variant="secondary" size="sm" onClick={() => input.current?.click()} aria-label={`Choose a file for ${label}`}>
            Choose a file
          </Button>
          <input
            ref={input}
            type="file"
            hidden
            id={`${id}-file`}
            aria-label={`File for ${label}`}
            onChange={({ currentTarget }) => {
              void read(currentTarget.files?.[0])
              currentTarget.value = ''
            }}
          />
        </div>
      </div>
      <Hint id={`${id}-hint`} problem={problem}>
        {hint}
      </Hint>
    </FormGroup>
  )
}
