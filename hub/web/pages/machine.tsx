export function MachinePage() {
  return null
}
