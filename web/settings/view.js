/** What the settings page shows: a pure function of its state. */
import { h, icon } from '../common/dom.js';

const DAYS = [1, 7, 30, 90, 180, 365];
const DAY_SECONDS = 86400;
const LANGUAGES = { en: 'English', es: 'Español', pt: 'Português' };

/** Whether the user agreed to the text that is valid now. */
export const agreed = (s) => Boolean(s.consent?.granted && s.consent.version === s.consent_version);

const select = (name, label, options, value) => h('div', { class: 'field' }, h('label', { for: name }, label),
  h('select', { id: name, name }, options.map(([id, shown]) => h('option', { value: id, selected: String(value) === String(id) }, shown))));
const act = (name, label, kind, arg) => h('button', { type: 'button', class: kind, 'data-do': name, 'data-arg': arg, 'data-key': name }, label);
const panel = (key, title, ...inside) => h('section', { class: 'panel', 'data-key': key, 'aria-labelledby': `t-${key}` }, h('h2', { id: `t-${key}` }, title), inside);

export function view(state, texts) {
  const { t } = texts;
  return h('main', { class: 'sheet', tabindex: -1 },
    h('header', { class: 'bar' }, h('a', { href: '/phone', class: 'button round', 'aria-label': t('page.back') }, icon('back')), h('h1', {}, t('page.settings'))),
    recording(state.settings, texts), calls(state.settings, t), data(state.recordings, texts),
    act('signout', t('set.signout'), 'tonal'),
    h('p', { role: 'status', class: `toast ${state.said ? 'shown' : ''}`, 'data-key': 'said' }, state.said),
    state.asking && question(state, t));
}

function consentWords(s, { t, date }) {
  if (agreed(s)) return t('set.agreed', { date: date(s.consent.at), version: s.consent.version });
  return t(s.record_calls ? 'set.on-not-agreed' : 'set.not-agreed');
}

function recording(s, texts) {
  const { t } = texts;
  const days = [...new Set([...DAYS.filter((n) => n <= s.retention_max_days), s.retention_days])].sort((a, b) => a - b);
  return panel('recording', t('page.recording'),
    s.may_record
      ? h('label', { class: 'row', for: 'record_calls' }, h('span', {}, t('set.recording')), h('input', { type: 'checkbox', role: 'switch', class: 'switch', id: 'record_calls' }))
      : h('p', {}, t('rule.tenant-off')),
    (s.may_record || agreed(s)) && h('p', { class: `hint ${s.record_calls && !agreed(s) ? 'warning' : ''}` }, consentWords(s, texts)),
    agreed(s) && act('withdraw', t('set.withdraw'), 'danger'),
    select('retention_days', t('set.retention'), days.map((n) => [n, n === 1 ? t('set.day') : t('set.days', { n })]), s.retention_days),
    h('p', { class: 'hint' }, t('set.retention-effect', { n: s.retention_days, date: texts.date(Date.now() / 1000 + s.retention_days * DAY_SECONDS) })));
}

function calls(s, t) {
  return panel('calls', t('set.general'),
    s.has_desk && select('device', t('set.device'), [['browser', t('set.device.browser')], ['desk', t('set.device.desk')]], s.device),
    select('language', t('set.language'), [['', t('set.language.auto')], ...Object.entries(LANGUAGES)], s.language));
}

function data(recordings, texts) {
  const { t } = texts;
  return panel('data', t('set.data'), recordings.length ? h('ul', { class: 'list' }, recordings.map((one) => row(one, texts))) : h('p', { class: 'hint' }, t('set.no-data')));
}

function row(call, texts) {
  const { t } = texts;
  const { held, purge_at } = call.recording;
  const who = call.peer.name || call.peer.shown || call.peer.address || t('peer.withheld');
  return h('li', { 'data-key': call.call }, h('div', { class: 'grow' }, h('strong', {}, who), h('span', {}, texts.moment(call.started_at)),
    h('span', {}, held ? t('rec.held') : t('rec.deletes', { date: texts.date(purge_at) })),
    h('a', { href: `/recordings/${encodeURIComponent(call.call)}` }, t('recording.open'))), !held && act('erase', t('rec.delete'), 'danger', call.call));
}

function question(state, t) {
  const consent = state.asking === 'consent';
  return h('dialog', { 'data-key': state.asking, 'aria-labelledby': 'asked' }, h('form', { method: 'dialog' },
    h('h2', { id: 'asked' }, t(consent ? 'consent.title' : 'rec.delete.sure')),
    consent && [h('p', {}, t('consent.text')), h('p', { class: 'hint' }, t('consent.version', { version: state.settings.consent_version }))],
    act('yes', t(consent ? 'consent.yes' : 'rec.delete'), consent ? 'tonal' : 'danger'), act('no', t('cancel'), 'tonal')));
}
