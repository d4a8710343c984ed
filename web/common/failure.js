/** What a page shows when it could not load: the reason and the way out. */
import { h } from './dom.js';

export function failurePage(error, { t }, title) {
  const again = h('button', { type: 'button', class: 'primary' }, t('mic.again'));
  again.addEventListener('click', () => location.reload());
  const words = error.status && error.message ? error.message : t(error.status === 0 ? 'error.unreachable' : 'error.our-error');
  return h('main', { class: 'sheet' }, h('h1', {}, t(title)), h('section', { class: 'panel', role: 'alert' }, h('p', {}, words), again));
}
