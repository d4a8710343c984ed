// Card text markup (developers.google.com/workspace/add-ons/concepts/widgets) as DOM nodes; no HTML sink.
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", middot: "·", hellip: "…", ndash: "–", mdash: "—" };
const ELEMENTS = { b: "b", strong: "b", i: "i", em: "i", u: "u", s: "s", strike: "s", del: "s", time: "span", code: "code", ul: "ul", ol: "ol", li: "li" };
const DRAFT_ELEMENTS = { ...ELEMENTS, p: "p", div: "div", span: "span", blockquote: "blockquote" };
const TOKEN = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?)*)\s*\/?>|&(#x?[0-9a-fA-F]+|[a-zA-Z]+);|\r?\n/g;
const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);

function decoded(name) {
  if (name[0] !== "#") return ENTITIES[name] ?? `&${name};`;
  const code = name[1].toLowerCase() === "x" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
}

function attribute(text, name) {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(text);
  const raw = found ? found[1] ?? found[2] ?? found[3] : "";
  return raw.replace(/&(#x?[0-9a-fA-F]+|[a-zA-Z]+);/g, (_, entity) => decoded(entity));
}

export function safeUrl(text) {
  try {
    const url = new URL(text);
    return SCHEMES.has(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

function opened(tag, attributes, elements) {
  if (tag === "a") {
    const href = safeUrl(attribute(attributes, "href"));
    if (!href) return document.createElement("span");
    const link = document.createElement("a");
    Object.assign(link, { href, target: "_blank", rel: "noopener noreferrer" });
    return link;
  }
  if (tag === "font") {
    const font = document.createElement("span");
    const colour = attribute(attributes, "color");
    if (/^#[0-9a-fA-F]{6}$/.test(colour)) {
      font.className = "gc-colour";
      font.style.setProperty("--gc-author", colour);
    }
    return font;
  }
  return Object.hasOwn(elements, tag) ? document.createElement(elements[tag]) : null;
}

/** Card text: a newline is a break. */
export function richText(text, into) {
  return build(text, into, ELEMENTS, true);
}

/** HTML that an add-on puts into a draft: paragraphs too, a newline is a space, scripts and styles are left out whole. */
export function draftHtml(text, into) {
  return build(text.replace(/<(script|style)\b[^]*?<\/\1\s*>/gi, ""), into, DRAFT_ELEMENTS, false);
}

function build(text, into, elements, breaks) {
  const stack = [{ tag: "", node: into }];
  const top = () => stack[stack.length - 1].node;
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > last) top().append(text.slice(last, match.index));
    last = match.index + match[0].length;
    const [whole, closing, name, attributes, entity] = match;
    if (entity) top().append(decoded(entity));
    else if (!name) top().append(breaks ? document.createElement("br") : " ");
    else if (name.toLowerCase() === "br") top().append(document.createElement("br"));
    else if (closing) {
      const at = stack.findLastIndex((open) => open.tag === name.toLowerCase());
      if (at > 0) stack.length = at;
    } else if (!whole.endsWith("/>")) {
      const node = opened(name.toLowerCase(), attributes ?? "", elements);
      if (node && stack.length < 32) {
        top().append(node);
        stack.push({ tag: name.toLowerCase(), node });
      }
    }
  }
  if (last < text.length) top().append(text.slice(last));
  return into;
}
