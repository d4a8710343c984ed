/** Settings, consent and the user's stored data. */
import { openSession } from '../phone/session.js';
import { del, get, post, put } from '../common/api.js';
import { h, morph } from '../common/dom.js';
import { loadTexts } from '../common/text.js';

const root = document.getElementById('root');
const texts = await loadTexts(document.documentElement.lang);
const { t } = texts;
const DAYS = [1, 7, 30, 90, 180, 365];
const LANGUAGES = { en: 'English', es: 'Español', pt: 'Português' };
const state = { settings: null, recordings: [], asking: '', said: '' };
document.title = t('page.settings');

const select = (name, label, options, value) => h('div', { class: 'field' }, h('label', { for: name }, label),
  h('select', { id: name, name }, Object.entries(options).map(([id, shown]) => h('option', { value: id, selected: String(value) === id }, shown))));
const act = (name, label, kind, arg) => h('button', { type: 'button', class: kind, 'data-do': name, 'data-arg': arg, 'data-key': name }, label);

const agreed = (s) => Boolean(s.consent?.granted && s.consent.version === s.consent_version);

function consentWords(s) {
  if (agreed(s)) return t('set.agreed', { date: texts.date(s.consent.at), version: s.consent.version });
  return t(s.record_calls ? 'set.on-not-agreed' : 'set.not-agreed');
}

function view() {
  const s = state.settings;
  const days = Object.fromEntries([...new Set([...DAYS.filter((n) => n <= s.retention_max_days), s.retention_days])].sort((a, b) => a - b).map((n) => [n, t('set.days', { n })]));
  return h('main', { class: 'sheet' }, h('a', { href: '/phone', class: 'button tonal' }, t('page.back')), h('h1', {}, t('page.settings')),
    h('p', { role: 'status', class: 'hint' }, state.said),
    h('section', { class: 'panel' },
      s.may_record ? h('label', { class: 'row', for: 'record_calls' }, h('span', {}, t('set.recording')), h('input', { type: 'checkbox', id: 'record_calls' }))
        : h('p', {}, t('rule.tenant-off')),
      select('retention_days', t('set.retention'), days, s.retention_days),
      h('p', { class: 'hint' }, t('set.retention-effect', { n: s.retention_days, date: texts.date(Date.now() / 1000 + s.retention_days * 86400) })),
      s.has_desk && select('device', t('set.device'), { browser: t('set.device.browser'), desk: t('set.device.desk') }, s.device),
      select('language', t('set.language'), { '': t('set.language.auto'), ...LANGUAGES }, s.language),
      h('p', { class: 'hint' }, consentWords(s)),
      agreed(s) && act('withdraw', t('set.withdraw'), 'danger')),
    h('section', { class: 'panel' }, h('h2', {}, t('set.data')), state.recordings.length ? h('ul', { class: 'list' }, state.recordings.map(row)) : h('p', {}, t('set.no-data'))),
    act('signout', t('set.signout'), 'tonal'),
    state.asking && question());
}

function row(call) {
  return h('li', { 'data-key': call.call }, h('div', { class: 'grow' }, h('strong', {}, call.peer.name || call.peer.address || t('peer.withheld')),
    h('span', {}, `${texts.moment(call.started_at)} · ${t('rec.deletes', { date: texts.date(call.recording.purge_at) })}`),
    h('a', { href: `/recordings/${encodeURIComponent(call.call)}` }, t('recording.open'))), act('erase', t('rec.delete'), 'danger', call.call));
}

function question() {
  const consent = state.asking === 'consent';
  return h('dialog', { 'data-key': state.asking, 'aria-labelledby': 'asked' }, h('form', { method: 'dialog' },
    h('h2', { id: 'asked' }, t(consent ? 'consent.title' : 'rec.delete.sure')),
    consent && h('p', {}, t('consent.text')), consent && h('p', { class: 'hint' }, t('consent.version', { version: state.settings.consent_version })),
    act('yes', t(consent ? 'consent.yes' : 'rec.delete'), consent ? 'primary' : 'danger'), act('no', t('cancel'), 'tonal')));
}

function show(change = {}) {
  Object.assign(state, change);
  const wanted = view();
  if (root.firstElementChild) morph(root.firstElementChild, wanted);
  else root.append(wanted);
  const box = document.getElementById('record_calls');
  if (box) box.checked = state.settings.record_calls;
  const dialog = root.querySelector('dialog');
  if (dialog && !dialog.open) {
    dialog.removeAttribute('open');
    dialog.showModal();
    dialog.oncancel = () => show({ asking: '' });
  }
}

async function save(change) {
  const saved = await put('/api/settings', { ...state.settings, ...change });
  const settings = 'rev' in saved ? saved : await get('/api/settings');
  show({ settings, said: t('set.saved') });
}

const recordings = async () => (await get('/api/recordings')).recordings;
const ACTS = {
  withdraw: async () => {
    const stored = await post('/api/consents', { kind: 'recording', granted: false });
    show({ settings: await get('/api/settings'), said: stored?.warning ?? t('set.withdrawn') });
  },
  signout: async () => { await post('/logout'); location.assign('/phone'); },
  erase: (call) => show({ asking: call }),
  no: () => show({ asking: '' }),
  yes: async () => {
    const { asking } = state;
    if (asking === 'consent') {
      await post('/api/consents', { kind: 'recording', granted: true });
      show({ asking: '', settings: await get('/api/settings') });
      await save({ record_calls: true });
    } else {
      await del(`/api/recordings/${encodeURIComponent(asking)}`);
      show({ asking: '', recordings: await recordings(), said: t('rec.deleted') });
    }
  },
};
async function failed(error) {
  const settings = error.status === 409 ? await get('/api/settings').catch(() => state.settings) : state.settings;
  show({ asking: '', settings, said: error.message && error.status ? error.message : t('error.our-error') });
}

root.addEventListener('click', (event) => {
  const target = event.target.closest('[data-do]');
  if (target) Promise.resolve(ACTS[target.dataset.do](target.dataset.arg)).catch(failed);
});
root.addEventListener('change', ({ target }) => {
  if (target.id === 'record_calls') {
    if (target.checked && !agreed(state.settings)) show({ asking: 'consent' });
    else if (target.checked) save({ record_calls: true }).catch(failed);
    else save({ record_calls: false }).catch(failed);
  } else save({ [target.name]: target.name === 'retention_days' ? Number(target.value) : target.value }).catch(failed);
});

if ((await openSession()).user) show({ settings: await get('/api/settings'), recordings: await recordings() });
else location.replace('/login?next=/settings');
