/** Plays one recording and deletes it on request. */
import { del, get, post } from '../common/api.js';
import { h, icon } from '../common/dom.js';
import { failurePage } from '../common/failure.js';
import { loadTexts } from '../common/text.js';
import { openSession } from '../phone/session.js';

const root = document.getElementById('root');
const texts = await loadTexts(document.documentElement.lang);
const { t } = texts;
const id = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const path = `/api/recordings/${encodeURIComponent(id)}`;
document.title = t('page.recording');

function page(...inside) {
  root.replaceChildren(h('main', { class: 'sheet' },
    h('header', { class: 'bar' }, h('a', { href: '/phone', class: 'button round', 'aria-label': t('page.back') }, icon('back')), h('h1', {}, t('page.recording'))),
    h('section', { class: 'panel' }, ...inside)));
}

/** The address of the sound lives five minutes and is noted as one act of listening: it is asked for at the click. */
function listen(said) {
  const sound = h('audio', { controls: true, hidden: true, 'aria-label': t('page.recording') });
  const start = h('button', { type: 'button', class: 'primary', 'data-do': 'play' }, icon('resume'), t('rec.play'));
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

/** The delete button, and in its place the question whether to. */
function removal(said) {
  const remove = h('button', { type: 'button', class: 'danger', 'data-do': 'ask' }, icon('bin'), t('rec.delete'));
  remove.addEventListener('click', () => {
    const sure = h('button', { type: 'button', class: 'danger filled' }, t('rec.delete'));
    const keep = h('button', { type: 'button', class: 'tonal' }, t('cancel'));
    const box = h('div', { class: 'field', role: 'group', 'aria-labelledby': 'sure' }, h('p', { id: 'sure' }, t('rec.delete.sure')), sure, keep);
    remove.replaceWith(box);
    keep.focus();
    keep.addEventListener('click', () => { box.replaceWith(remove); remove.focus(); });
    sure.addEventListener('click', () => del(path).then(() => page(h('p', { role: 'status' }, t('rec.deleted'))),
      (error) => { said.textContent = error.message || t('error.our-error'); }));
  });
  return remove;
}

function player(call) {
  const { held, cut, purge_at, seconds } = call.recording;
  const said = h('p', { role: 'status' });
  page(h('div', {}, h('h2', {}, call.peer.name || call.peer.shown || call.peer.address || t('peer.withheld')),
    h('p', { class: 'hint' }, `${texts.moment(call.started_at)} · ${texts.timer(seconds)}`)),
  listen(said), said,
  cut && h('p', {}, t('rec.cut')),
  h('p', { class: 'fact' }, icon('clock'), held ? t('rec.held') : t('rec.deletes', { date: texts.date(purge_at) })),
  h('p', { class: 'hint' }, t('rec.rule')), !held && removal(said));
}

async function start() {
  if (!(await openSession()).user) return location.replace(`/login?next=${encodeURIComponent(location.pathname)}`);
  const call = await get(`/api/calls/${encodeURIComponent(id)}`).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  if (call?.recording) player(call);
  else page(h('p', {}, t('rec.missing')));
}
start().catch((error) => root.replaceChildren(failurePage(error, texts, 'page.recording')));
