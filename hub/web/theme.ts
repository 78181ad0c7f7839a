// Follows the system's colour scheme; base.css already paints the right background before this runs.
const dark = matchMedia('(prefers-color-scheme: dark)')
const apply = () => document.documentElement.classList.toggle('pf-v6-theme-dark', dark.matches)
dark.addEventListener('change', apply)
apply()
