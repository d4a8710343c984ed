/** Builds elements without any HTML sink; `morph` makes a live tree equal to a new one and keeps focus. */

const SVG = 'http://www.w3.org/2000/svg';

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const PATHS = {
  call: 'M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2a1 1 0 0 1 1-.25 11.4 11.4 0 0 0 3.6.57 1 1 0 0 1 1 1V20a1 1 0 0 1-1 1A17 17 0 0 1 3 4a1 1 0 0 1 1-1h3.5a1 1 0 0 1 1 1 11.4 11.4 0 0 0 .57 3.6 1 1 0 0 1-.25 1z',
  end: 'M12 9c-1.6 0-3.15.25-4.6.72v3.1a1 1 0 0 1-.56.9c-.98.49-1.87 1.12-2.66 1.85a1 1 0 0 1-1.4-.02L.3 13.08a1 1 0 0 1 0-1.41A16.6 16.6 0 0 1 12 7c4.56 0 8.7 1.78 11.7 4.67a1 1 0 0 1 0 1.41l-2.48 2.47a1 1 0 0 1-1.4.02 11.3 11.3 0 0 0-2.66-1.85 1 1 0 0 1-.56-.9v-3.1A15.5 15.5 0 0 0 12 9z',
  mute: 'M12 14a3 3 0 0 0 3-3V5a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.92V21h2v-3.08A7 7 0 0 0 19 11z',
  hold: 'M7 5h4v14H7zm6 0h4v14h-4z',
  keypad: 'M5 4h3v3H5zm5.5 0h3v3h-3zM16 4h3v3h-3zM5 10h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3zM5 16h3v3H5zm5.5 0h3v3h-3zm5.5 0h3v3h-3z',
  devices: 'M12 3a8 8 0 0 0-8 8v7a2 2 0 0 0 2 2h3v-8H6v-1a6 6 0 0 1 12 0v1h-3v8h3a2 2 0 0 0 2-2v-7a8 8 0 0 0-8-8z',
  recents: 'M12 3a9 9 0 1 0 9 9 9 9 0 0 0-9-9zm0 16a7 7 0 1 1 7-7 7 7 0 0 1-7 7zm.8-11.5h-1.6V13l4.6 2.7.8-1.3-3.8-2.2z',
  settings: 'M3 6h10v2H3zm14 0h4v2h-4zm-2-2h2v6h-2zM3 16h4v2H3zm8 0h10v2H11zm-2-2h2v6H9z',
  erase: 'M22 4H8L2 12l6 8h14zm-3.4 11.6L17.2 17 14 13.8 10.8 17l-1.4-1.4 3.2-3.2-3.2-3.2 1.4-1.4L14 11l3.2-3.2 1.4 1.4-3.2 3.2z',
  record: 'M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12z',
  in: 'M19 6.4 17.6 5 7 15.6V9H5v10h10v-2H8.4z',
  out: 'M9 5v2h6.6L5 17.6 6.4 19 17 8.4V15h2V5z',
  missed: 'M19.6 7 12 14.6 6.4 9H11V7H3v8h2v-4.6l7 7 9-9z',
  muted: 'M19 11h-2a5 5 0 0 1-.5 2.200l1.500 1.500A7 7 0 0 0 19 11zM15 11.200V5a3 3 0 0 0-6 0v.2zM4.300 3 3 4.300l6 6V11a3 3 0 0 0 4.300 2.700l1.500 1.500A5 5 0 0 1 7 11H5a7 7 0 0 0 6 6.900V21h2v-3.100a7 7 0 0 0 2.800-1l3.900 3.900 1.300-1.300z',
  resume: 'M8 5v14l11-7z',
  back: 'M20 11H7.800l5.600-5.600L12 4l-8 8 8 8 1.400-1.400L7.800 13H20z',
  alert: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm1 15h-2v-2h2zm0-4h-2V7h2z',
  window: 'M19 4H5a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2zm0 14H5V8h14z',
  signal: 'M4 15h3v5H4zm6.500-5h3v10h-3zM17 4h3v16h-3z',
  clock: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16zm1-13h-2v6l5 3 1-1.600-4-2.400z',
  bin: 'M6 19a2 2 0 0 0 2 2h8a2 2 0 0 0 2-2V7H6zM19 4h-3.500l-1-1h-5l-1 1H5v2h14z',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A round picture of initials; the name is beside it. */
export function avatar(name) {
  const initials = name.replace(/[^\p{L}\p{N} ]/gu, '').trim().split(/\s+/u).filter((word) => /^\p{L}/u.test(word));
  const shown = [initials[0], initials.length > 1 ? initials.at(-1) : ''].map((word) => [...(word ?? '')][0] ?? '').join('');
  return h('div', { class: 'avatar', 'aria-hidden': 'true' }, shown ? shown.toUpperCase() : icon('call'));
}

const sameKind = (a, b) =>
  a && a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

function alignAttributes(live, wanted) {
  for (const { name } of [...live.attributes]) if (!wanted.hasAttribute(name)) live.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (live.getAttribute(name) !== value) live.setAttribute(name, value);
  if (live.nodeName === 'INPUT' && live.type !== 'checkbox') {
    const value = wanted.getAttribute('value') ?? '';
    if (live.value !== value) live.value = value;
  }
}

export function morph(live, wanted) {
  if (live.nodeType === Node.TEXT_NODE) {
    if (live.data !== wanted.data) live.data = wanted.data;
    return;
  }
  alignAttributes(live, wanted);
  const children = [...wanted.childNodes];
  children.forEach((child, index) => {
    let at = live.childNodes[index];
    if (child.dataset?.key && !sameKind(at, child)) {
      const moved = [...live.childNodes].slice(index).find((other) => sameKind(other, child));
      if (moved) {
        live.insertBefore(moved, at ?? null);
        at = moved;
      }
    }
    if (!at) live.append(child);
    else if (sameKind(at, child)) morph(at, child);
    else live.replaceChild(child, at);
  });
  while (live.childNodes.length > children.length) live.lastChild.remove();
  if (live.nodeName === 'SELECT') {
    const chosen = [...wanted.options].find((option) => option.hasAttribute('selected'));
    if (chosen && live.value !== chosen.value) live.value = chosen.value;
  }
}
