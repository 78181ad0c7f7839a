import { Button } from '@patternfly/react-core'
import CheckIcon from '@patternfly/react-icons/dist/esm/icons/check-icon'
import CopyIcon from '@patternfly/react-icons/dist/esm/icons/copy-icon'
import { useRef, useState } from 'react'

/** A command to be run elsewhere, with a button that copies it; without clipboard it is selected instead. */
export function CopyCommand({ command, label }: { command: string; label: string }) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'selected'>('no')
  const text = useRef<HTMLPreElement>(null)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command)
      setCopied('yes')
    } catch {
      if (text.current) getSelection()?.selectAllChildren(text.current)
      setCopied('selected')
    }
  }
  return (
    <div className="m-command">
      <pre ref={text} aria-label={label}>
        {command}
      </pre>
      <Button
        variant="primary"
        icon={copied === 'yes' ? <CheckIcon /> : <CopyIcon />}
        onClick={() => void copy()}
        aria-label={`${copied === 'yes' ? 'Copied' : 'Copy'}: ${label}`}
      >
        {copied === 'yes' ? 'Copied' : 'Copy'}
      </Button>
      <output className="m-sub">
        {copied === 'selected' && 'The browser does not allow copying here: the command is selected, press Ctrl+C.'}
      </output>
    </div>
  )
}
