// What xterm.js needs of a document under a policy that allows no inline style (style-src 'self'). It puts its rules into <style> elements
// and colours into style attributes, which such a policy blocks; constructed sheets and style properties set by a script are allowed.

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value
  else Element.prototype.setAttribute.call(this, name, value)
}

/** Stands where the <style> element would and hands its text to a sheet of the document. */
function styleElement(document: Document): HTMLElement {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  const element = Document.prototype.createElement.call(document, 'template')
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

function createElement(this: Document, name: string): HTMLElement {
  if (name === 'style') return styleElement(this)
  const element = Document.prototype.createElement.call(this, name)
  if (name === 'span') element.setAttribute = setAttribute
  return element
}

/** From now on, until what it returns is called. xterm.js 6.0 has an option for another document, but takes the page's own in half of the places. */
export function allowStyles(document: Document): () => void {
  document.createElement = createElement as Document['createElement']
  return () => void Reflect.deleteProperty(document, 'createElement')
}
