// A proxy between what dials and what is dialled.
import { ExpandableSection } from '@patternfly/react-core'
import { useState } from 'react'
import type { ProxyChoice } from '../derive/import.ts'
import { TextField } from './fields.tsx'

export interface ProxyFieldsProps {
  id: string
  title?: string
  hint?: string
  choice: ProxyChoice
  onChange(change: Partial<ProxyChoice>): void
  problems: Partial<Record<keyof ProxyChoice, string>>
}

const hubDials = 'The hub dials through it: socks5://host:port, or http://host:port for one that takes CONNECT.'

export function ProxyFields({ id, title = 'Through a proxy', hint = hubDials, choice, onChange, problems }: ProxyFieldsProps) {
  const isUsed = choice.proxyUrl !== '' || choice.proxyUser !== '' || choice.proxyPassword !== ''
  const [isOpen, setOpen] = useState(isUsed)
  return (
    <ExpandableSection
      toggleText={title}
      isExpanded={isOpen || Object.keys(problems).length > 0}
      onToggle={(_event, next) => setOpen(next)}
      toggleId={`${id}-toggle`}
      contentId={`${id}-content`}
      isIndented
    >
      <div className="m-gap">
        <TextField
          id={`${id}-url`}
          label="Proxy"
          value={choice.proxyUrl}
          onChange={(proxyUrl) => onChange({ proxyUrl })}
          problem={problems.proxyUrl}
          hint={hint}
          placeholder="none"
          maxLength={512}
        />
        <TextField
          id={`${id}-user`}
          label="User at the proxy"
          value={choice.proxyUser}
          onChange={(proxyUser) => onChange({ proxyUser })}
          problem={problems.proxyUser}
          maxLength={256}
        />
        <TextField
          id={`${id}-password`}
          label="Password at the proxy"
          type="password"
          value={choice.proxyPassword}
          onChange={(proxyPassword) => onChange({ proxyPassword })}
          problem={problems.proxyPassword}
          maxLength={1024}
        />
      </div>
    </ExpandableSection>
  )
}
