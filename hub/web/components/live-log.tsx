// The log of a task, as it is written. What a machine prints is shown as text and nothing else.
import { Alert, Button, SearchInput, Switch, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core'
import { memo, type UIEvent, useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { systemClock } from '#shared/clock/clock.ts'
import { send } from '../api/client.ts'
import { apiPath } from '../api/kinds.ts'
import { nextFrame } from '../data/lists.ts'
import { createTaskLog } from '../data/task-log.ts'
import { formatCount, plural, printable } from '../derive/format.ts'
import type { LogLine } from '../derive/log-lines.ts'
import { Nothing } from './page.tsx'

function marked(text: string, search: string) {
  if (search === '') return text
  const parts: React.ReactNode[] = []
  const lower = text.toLowerCase()
  let start = 0
  for (let at = lower.indexOf(search); at !== -1 && parts.length < 200; at = lower.indexOf(search, start)) {
    parts.push(text.slice(start, at), <mark key={at}>{text.slice(at, at + search.length)}</mark>)
    start = at + search.length
  }
  parts.push(text.slice(start))
  return parts
}

const Line = memo(function Line({ line, search, hasTime }: { line: LogLine; search: string; hasTime: boolean }) {
  const kind = line.stream === 'stdout' || line.stream === 'stderr' ? line.stream : 'notice'
  return (
    <div className="m-log-line" data-stream={kind}>
      {hasTime && <span className="m-log-time">{printable(line.at.slice(11, 23), 12)}</span>}
      {kind !== 'stdout' && <span className="m-log-stream">{kind === 'stderr' ? 'err' : 'note'}</span>}
      <span className="m-log-text">
        {marked(line.text, search)}
        {line.cut > 0 && <span className="m-log-cut"> … {formatCount(line.cut)} more characters, in the download</span>}
      </span>
    </div>
  )
})

const phaseWords = {
  loading: 'Opening the log',
  following: 'Following',
  ended: 'Complete',
  retrying: 'Connection lost, opening again',
  refused: 'Not available',
} as const

export interface LiveLogProps {
  task: string
  attempt: number
  isOver: boolean
}

export function LiveLog({ task, attempt, isOver }: LiveLogProps) {
  const log = useMemo(
    () => createTaskLog({ task, attempt, send, clock: systemClock, random: Math.random, schedule: nextFrame }),
    [task, attempt],
  )
  useEffect(() => log.setOver(isOver), [log, isOver])
  const { lines, droppedLines, phase, failure } = useSyncExternalStore(log.subscribe, log.snapshot)
  const [isFollowing, setFollowing] = useState(true)
  const [hasTime, setHasTime] = useState(false)
  const [typed, setTyped] = useState('')
  const search = useDeferredValue(typed.trim().toLowerCase())
  const shown = useMemo(() => (search === '' ? lines : lines.filter((line) => line.text.toLowerCase().includes(search))), [lines, search])
  const box = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const hasLines = shown.length > 0
  // Lines outside the view are laid out late, so the end moves once more after the scroll: the height is what to follow.
  useEffect(() => {
    if (!isFollowing || !hasLines || !box.current || !content.current) return
    const toEnd = () => box.current?.scrollTo(0, box.current.scrollHeight)
    const observer = new ResizeObserver(toEnd)
    observer.observe(content.current)
    toEnd()
    return () => observer.disconnect()
  }, [isFollowing, hasLines])
  const lastTop = useRef(0)
  const onScroll = ({ currentTarget: at }: UIEvent<HTMLDivElement>) => {
    const isUp = at.scrollTop < lastTop.current - 2
    lastTop.current = at.scrollTop
    if (at.scrollHeight - at.scrollTop - at.clientHeight < 24) setFollowing(true)
    else if (isUp) setFollowing(false)
  }
  return (
    <div className="m-log">
      <Toolbar className="m-toolbar">
        <ToolbarContent>
          <ToolbarItem className="m-search">
            <SearchInput
              aria-label="Search the log"
              placeholder="Search the log"
              value={typed}
              onChange={(_event, value) => setTyped(value)}
              onClear={() => setTyped('')}
              resultsCount={search === '' ? undefined : formatCount(shown.length)}
            />
          </ToolbarItem>
          <ToolbarItem alignSelf="center">
            <Switch id="log-time" label="Times" isChecked={hasTime} onChange={(_event, checked) => setHasTime(checked)} />
          </ToolbarItem>
          <ToolbarItem alignSelf="center">
            <output className="m-dim">
              {phaseWords[phase]}, {plural(lines.length, 'line')}
            </output>
          </ToolbarItem>
          <ToolbarItem align={{ default: 'alignEnd' }}>
            {(phase !== 'ended' || !isFollowing) && (
              <Button variant="link" onClick={() => setFollowing(!isFollowing)} aria-pressed={isFollowing}>
                {isFollowing ? 'Pause' : 'Follow'}
              </Button>
            )}
            <Button variant="link" component="a" href={`${apiPath('tasks', task, 'log')}?attempt=${attempt}`} download={`${task}.log`}>
              Download
            </Button>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {failure && phase === 'refused' && (
        <Alert component="h2" variant="warning" isInline title="The log cannot be shown">
          {printable(failure.message)} {failure.next}
        </Alert>
      )}
      {droppedLines > 0 && (
        <p className="m-sub">The first {plural(droppedLines, 'line')} are not kept in the browser; the download has them all.</p>
      )}
      {lines.length === 0 && phase !== 'refused' ? (
        <Nothing isSmall title={phase === 'ended' ? 'The task printed nothing' : 'Nothing printed yet'}>
          {phase === 'ended' ? 'Its result is above.' : 'Lines appear here as the machine prints them.'}
        </Nothing>
      ) : (
        <div className="m-log-box" ref={box} onScroll={onScroll} role="log" aria-label="Log of the task" aria-live="off">
          <div ref={content}>
            {shown.map((line) => (
              <Line key={line.id} line={line} search={search} hasTime={hasTime} />
            ))}
          </div>
        </div>
      )}
    </div>
  )
}
