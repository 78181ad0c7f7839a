// Contrast of every piece of text against what is behind it (WCAG 2.2, 1.4.3): 4.5, or 3 for large text.
import type { Page } from 'playwright-core'

export function contrastProblems(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Color = [number, number, number, number]
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    const parse = (text: string): Color => {
      if (!canvas) return [0, 0, 0, 0]
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = text
      canvas.fillRect(0, 0, 1, 1)
      const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data
      return [r, g, b, a / 255]
    }
    const over = (top: Color, below: Color): Color => {
      const mix = (index: 0 | 1 | 2) => top[index] * top[3] + below[index] * (1 - top[3])
      return [mix(0), mix(1), mix(2), 1]
    }
    const luminance = (color: Color) => {
      const part = (value: number) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
      return 0.2126 * part(color[0]) + 0.7152 * part(color[1]) + 0.0722 * part(color[2])
    }
    const behind = (element: Element): Color => {
      const layers: Color[] = []
      for (let at: Element | null = element; at; at = at.parentElement) {
        // A background may be painted by a ::before that covers the element, as PatternFly's labels do.
        const before = getComputedStyle(at, '::before')
        const covers = before.content !== 'none' && before.zIndex === '-1' && Number.parseFloat(before.width) >= at.clientWidth
        const painted = covers ? [before, getComputedStyle(at)] : [getComputedStyle(at)]
        const colors = painted.map(({ backgroundColor }) => parse(backgroundColor)).filter((color) => color[3] > 0)
        layers.push(...colors)
        if (colors.some((color) => color[3] === 1)) break
      }
      return layers.reduceRight<Color>((below, layer) => over(layer, below), [255, 255, 255, 1])
    }
    const found = new Set<string>()
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement
      if (!element || !node.textContent?.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
      if (element.closest('[disabled], [aria-disabled="true"], .pf-m-disabled, .pf-v6-screen-reader, noscript')) continue
      const style = getComputedStyle(element)
      const back = behind(element)
      const front = over(parse(style.color), back)
      const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a) as [number, number]
      const ratio = (light + 0.05) / (dark + 0.05)
      const size = Number.parseFloat(style.fontSize)
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
      if (ratio < (isLarge ? 3 : 4.5)) found.add(`${ratio.toFixed(2)} “${node.textContent.trim().slice(0, 40)}” ${element.className}`)
    }
    return [...found]
  })
}
