/** Plays one recording and deletes it on request. */
import { openSession } from '../phone/session.js';
import { del, get, post } from '../common/api.js';
import { h } from '../common/dom.js';
import { loadTexts } from '../common/text.js';

const root = document.getElementById('root');
const texts = await loadTexts(document.documentElement.lang);
const { t } = texts;
const id = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const path = `/api/recordings/${encodeURIComponent(id)}`;
document.title = t('page.recording');

function page(...inside) {
  root.replaceChildren(h('main', { class: 'sheet' }, h('a', { href: '/phone', class: 'button tonal' }, t('page.back')),
    h('h1', {}, t('page.recording')), h('section', { class: 'panel' }, ...inside)));
}

/** The address of the sound lives five minutes and is noted as one act of listening: it is asked for at the click. */
function listen(said) {
  const sound = h('audio', { controls: true, hidden: true, 'aria-label': t('page.recording') });
  const start = h('button', { type: 'button', class: 'primary' }, t('rec.play'));
  const begin = async (at = 0) => {
    try {
      sound.src = (await post(`${path}/plays`)).url;
      sound.hidden = false;
      start.hidden = true;
      sound.currentTime = at;
      await sound.play();
      said.textContent = '';
    } catch (error) {
      if (error.name !== 'AbortError') said.textContent = error.message || t('error.our-error');
    }
  };
  start.addEventListener('click', () => begin());
  sound.addEventListener('error', () => {
    start.hidden = false;
    said.textContent = t('rec.again');
  });
  return h('div', { class: 'field' }, start, sound);
}

function player(call) {
  const remove = h('button', { type: 'button', class: 'danger' }, t('rec.delete'));
  const said = h('p', { role: 'status' });
  remove.addEventListener('click', () => {
    const sure = h('button', { type: 'button', class: 'danger' }, t('rec.delete'));
    const keep = h('button', { type: 'button', class: 'tonal' }, t('cancel'));
    const box = h('div', { class: 'field', role: 'group' }, h('p', {}, t('rec.delete.sure')), sure, keep);
    remove.replaceWith(box);
    keep.focus();
    keep.addEventListener('click', () => { box.replaceWith(remove); remove.focus(); });
    sure.addEventListener('click', () => del(path).then(() => page(h('p', { role: 'status' }, t('rec.deleted'))),
      (error) => { said.textContent = error.message || t('error.our-error'); }));
  });
  page(h('h2', {}, call.peer.name || call.peer.address || t('peer.withheld')), h('p', { class: 'hint' }, texts.moment(call.started_at)),
    listen(said),
    h('p', {}, t('rec.deletes', { date: texts.date(call.recording.purge_at) })), h('p', { class: 'hint' }, t('rec.rule')), remove, said);
}

if ((await openSession()).user) {
  const call = await get(`/api/calls/${encodeURIComponent(id)}`).catch(() => null);
  if (call?.recording) player(call);
  else page(h('p', {}, t('rec.missing')));
} else location.replace(`/login?next=${encodeURIComponent(location.pathname)}`);
