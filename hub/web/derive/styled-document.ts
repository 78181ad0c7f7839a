// A document for xterm.js under a policy that allows no inline style (style-src 'self'). It puts its rules into <style> elements and colours
// into style attributes, which such a policy blocks; rules of constructed sheets and style properties set by a script are allowed.

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value
  else Element.prototype.setAttribute.call(this, name, value)
}

/** Stands where the <style> element would and hands its text to a sheet of the document. */
function styleElement(document: Document): HTMLElement {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  const element = document.createElement('template')
  let text = ''
  Object.defineProperty(element, 'textContent', {
    get: () => text,
    set(value: string) {
      text = value
      sheet.replaceSync(value)
    },
  })
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
    Element.prototype.remove.call(element)
  }
  return element
}

export function styledDocument(document: Document): Document {
  const createElement = (name: string): HTMLElement => {
    if (name === 'style') return styleElement(document)
    const element = document.createElement(name)
    if (name === 'span') element.setAttribute = setAttribute
    return element
  }
  return new Proxy(document, {
    get(target, property) {
      if (property === 'createElement') return createElement
      const value: unknown = Reflect.get(target, property, target)
      // Methods of the platform insist on the real document.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  })
}
