// Follows the system's colour scheme before the first paint; a file of its own because the pages allow no inline script.
const dark = matchMedia('(prefers-color-scheme: dark)')
const apply = () => document.documentElement.classList.toggle('pf-v6-theme-dark', dark.matches)
dark.addEventListener('change', apply)
apply()
