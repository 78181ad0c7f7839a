// xterm.js on one terminal: fits its size to the page, takes keys and pastes, and draws what comes. Fetched when a terminal is opened.
import { FitAddon } from '@xterm/addon-fit'
import { type ITheme, Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { useEffect, useRef } from 'react'
import { connectExec, type ExecConnection, type ExecEnd } from '../data/exec-connection.ts'
import { allowStyles } from '../data/allowed-styles.ts'

export interface TerminalViewProps {
  machine: string
  onOpen(): void
  onEnd(end: ExecEnd): void
  /** Where the keyboard goes when it leaves. */
  onLeave(): void
}

const light: ITheme = {
  background: '#ffffff',
  foreground: '#151515',
  cursor: '#151515',
  cursorAccent: '#ffffff',
  selectionBackground: '#b9dafc',
}
const dark: ITheme = {
  background: '#151515',
  foreground: '#f2f2f2',
  cursor: '#f2f2f2',
  cursorAccent: '#151515',
  selectionBackground: '#004d99',
}
const darkQuery = '(prefers-color-scheme: dark)'

export default function TerminalView({ machine, onOpen, onEnd, onLeave }: TerminalViewProps) {
  const place = useRef<HTMLDivElement>(null)
  const callbacks = useRef({ onOpen, onEnd, onLeave })
  useEffect(() => {
    callbacks.current = { onOpen, onEnd, onLeave }
  })
  useEffect(() => {
    const element = place.current
    if (!element) return
    const scheme = matchMedia(darkQuery)
    const forbidStyles = allowStyles(document)
    const terminal = new Terminal({
      fontFamily: '"Red Hat Mono", ui-monospace, monospace',
      fontSize: 14,
      scrollback: 5_000,
      cursorBlink: false,
      // Colours of programs stay readable on both backgrounds.
      minimumContrastRatio: 4.5,
      screenReaderMode: true,
    })
    const onScheme = () => {
      const theme = scheme.matches ? dark : light
      terminal.options.theme = theme
      // Around the rows too.
      element.style.backgroundColor = theme.background ?? ''
    }
    onScheme()
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    terminal.open(element)
    fit.fit()
    let isGone = false
    let connection: ExecConnection | undefined = connectExec({
      machine,
      size: { columns: terminal.cols, rows: terminal.rows },
      onOpen: () => callbacks.current.onOpen(),
      onOutput: (data, shown) => isGone || terminal.write(data, shown),
      onEnd(end) {
        // Its end is told to nobody: whoever was shown it is gone.
        if (isGone) return
        connection = undefined
        terminal.options.disableStdin = true
        terminal.options.cursorStyle = 'underline'
        callbacks.current.onEnd(end)
      },
    })
    terminal.onData((text) => connection?.send(text))
    terminal.onBinary((text) => connection?.sendBytes(Uint8Array.from(text, (character) => character.charCodeAt(0))))
    terminal.onResize(({ cols, rows }) => connection?.resize(cols, rows))
    terminal.attachCustomKeyEventHandler((event) => takesKey(event, terminal, () => callbacks.current.onLeave()))
    scheme.addEventListener('change', onScheme)
    const observer = new ResizeObserver(() => fit.fit())
    observer.observe(element)
    terminal.focus()
    return () => {
      observer.disconnect()
      scheme.removeEventListener('change', onScheme)
      isGone = true
      connection?.close()
      terminal.dispose()
      forbidStyles()
    }
  }, [machine])
  return <div ref={place} className="m-terminal-screen" />
}

/** False: the key is not the machine's. */
function takesKey(event: KeyboardEvent, terminal: Terminal, onLeave: () => void): boolean {
  if (event.type !== 'keydown') return true
  if (event.shiftKey && event.key === 'Escape') {
    event.preventDefault()
    onLeave()
    return false
  }
  const isCopy = event.ctrlKey && ((event.shiftKey && event.code === 'KeyC') || (!event.shiftKey && event.key === 'Insert'))
  if (isCopy && terminal.hasSelection()) {
    event.preventDefault()
    // Refused by the browser's owner: the selection is still there to be copied from the menu.
    navigator.clipboard.writeText(terminal.getSelection()).catch(() => undefined)
    return false
  }
  // The browser pastes, and xterm takes it as a paste.
  return !(event.ctrlKey && event.shiftKey && event.code === 'KeyV')
}
