// Looks a page over as a screen reader and a keyboard do: names, structure, contrast.
import type { Page } from 'playwright-core'
import { contrastProblems } from './contrast.ts'

const named = [
  'button',
  'link',
  'textbox',
  'searchbox',
  'checkbox',
  'radio',
  'combobox',
  'tab',
  'dialog',
  'switch',
  'spinbutton',
  'grid',
  'table',
  'navigation',
  'img',
  'progressbar',
]

async function namelessNodes(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page)
  const { nodes } = await session.send('Accessibility.getFullAXTree')
  return nodes
    .filter((node) => !node.ignored && named.includes(String(node.role?.value)) && !String(node.name?.value ?? '').trim())
    .map((node) => String(node.role?.value))
}

function structureProblems(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) found.push(`the id ${id} is there twice`)
    for (const element of document.querySelectorAll('[aria-labelledby], [aria-describedby], [aria-controls]'))
      for (const name of ['aria-labelledby', 'aria-describedby'])
        for (const id of element.getAttribute(name)?.split(/\s+/).filter(Boolean) ?? [])
          if (!document.getElementById(id)) found.push(`${element.tagName} ${name} points to ${id}, which is not there`)
    if (document.querySelectorAll('h1').length !== 1) found.push(`${document.querySelectorAll('h1').length} h1`)
    let level = 1
    for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
      const next = Number(heading.tagName[1])
      if (next > level + 1) found.push(`${heading.tagName} “${heading.textContent}” after h${level}`)
      level = next
    }
    if (document.querySelectorAll('main').length !== 1) found.push(`${document.querySelectorAll('main').length} main`)
    if (!document.title.endsWith(' · Moorline')) found.push(`the title is ${document.title}`)
    if (document.documentElement.lang !== 'en') found.push('no language')
    for (const element of document.querySelectorAll('[tabindex]'))
      if (Number(element.getAttribute('tabindex')) > 0) found.push('a positive tabindex')
    for (const element of document.querySelectorAll('a a, a button, button a, button button'))
      found.push(`${element.tagName} inside another control`)
    for (const list of document.querySelectorAll('ul, ol'))
      for (const child of list.children) if (!['LI', 'SCRIPT', 'TEMPLATE'].includes(child.tagName)) found.push(`${child.tagName} in a list`)
    for (const table of document.querySelectorAll('th'))
      if (!table.textContent?.trim() && !table.getAttribute('aria-label')) found.push('a table heading without text')
    return found
  })
}

/** Colours on their way from one state to the next are nobody's; what never ends, a spinner, is not waited for. */
const whenStill = (page: Page): Promise<unknown> =>
  page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY)
        .map(({ finished }) => finished),
    ),
  )

/** Everything that is wrong with the page once it stands still. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await whenStill(page)
  const nameless = (await namelessNodes(page)).map((role) => `a ${role} without a name`)
  return [...nameless, ...(await structureProblems(page)), ...(await contrastProblems(page)).map((one) => `contrast ${one}`)]
}
