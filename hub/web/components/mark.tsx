/** The name and its sign: a line made fast between two posts. */
export function Mark() {
  return (
    <span className="m-mark">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <path d="M6 7v16M26 7v16" stroke="currentColor" strokeWidth="3.5" strokeLinecap="round" />
        <path className="m-mark-line" d="M6 11c4 12 16 12 20 0" fill="none" strokeWidth="3" strokeLinecap="round" />
      </svg>
      <span>Moorline</span>
    </span>
  )
}
