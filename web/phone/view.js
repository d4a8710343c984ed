/** What the phone shows: a pure function of its state. Acts are named by `data-do` and `data-arg`. */
import { h, icon } from '../common/dom.js';
import { callCard, endedSheet, incoming } from './view_call.js';

const LETTERS = { 2: 'ABC', 3: 'DEF', 4: 'GHI', 5: 'JKL', 6: 'MNO', 7: 'PQRS', 8: 'TUV', 9: 'WXYZ', 0: '+' };
const TABS = ['keypad', 'recents', 'settings'];

export function view(state, texts) {
  const { t } = texts;
  const call = state.calls.find((one) => one.call === state.shown) ?? state.calls[0];
  const ringing = state.calls.find((one) => one.direction === 'inbound' && one.state === 'ringing');
  const body = () => {
    if (!state.user && state.link === 'signed-out') return signIn(t);
    if (ringing) return incoming(ringing, state, texts, call !== ringing);
    if (call) return callCard(call, state, texts, dialPad);
    if (state.consent) return consent(state, texts);
    if (state.ended) return endedSheet(state.ended, texts);
    return tabs(state, texts);
  };
  return h('div', { class: 'phone', id: 'phone' }, topBar(state, t), notices(state, t), body());
}

function topBar(state, t) {
  const good = state.link === 'open' && state.line.registered;
  const word = state.link === 'open' ? (good ? 'line.ready' : `line.${state.line.problem || 'unregistered'}`) : `link.${state.link}`;
  return h('header', { class: 'top' },
    h('h1', { class: 'brand' }, t('phone.title')),
    h('p', { class: `status ${good ? 'good' : state.link === 'open' ? 'warn' : 'bad'}`, role: 'status' },
      h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', {}, t(word))));
}

function notices(state, t) {
  return h('div', { class: 'notices', 'data-key': 'notices' },
    state.role === 'remote' && state.link === 'open' &&
      h('section', { class: 'notice', 'aria-label': t('remote.title'), 'data-key': 'remote' }, h('p', {}, t('remote.text')),
        button('take', t('remote.use'), { class: 'tonal' })),
    state.refused && h('section', { class: 'notice bad', role: 'alert', 'data-key': 'refused' },
      h('h2', {}, t('mic.title')), h('p', {}, t(`mic.${state.refused}`)), button('try-mic', t('mic.again'), { class: 'tonal' })),
    state.error && h('section', { class: 'notice bad', role: 'alert', 'data-key': 'error' },
      h('p', {}, state.error), button('clear-error', t('close'), { class: 'plain' })));
}

export function button(act, label, attributes = {}, ...inner) {
  return h('button', { type: 'button', 'data-do': act, 'data-key': act, ...attributes }, ...(inner.length ? inner : [label]));
}

function signIn(t) {
  return h('main', { class: 'body middle' }, h('h2', {}, t('signin.title')), h('p', {}, t('signin.text')),
    h('a', { class: 'button primary', href: '/login?next=/phone' }, t('signin.button')));
}

function tabs(state, texts) {
  const panel = { keypad, recents, settings }[state.tab];
  return [
    h('main', { class: `body ${state.tab}`, id: 'panel', 'data-key': state.tab, 'aria-label': texts.t(`tab.${state.tab}`) }, panel(state, texts)),
    h('nav', { class: 'tabs', 'aria-label': texts.t('tabs'), 'data-key': 'tabs' }, TABS.map((tab) => button('tab', '', {
      'data-arg': tab, 'data-key': tab, 'aria-current': state.tab === tab ? 'page' : false,
    }, icon(tab), h('span', {}, texts.t(`tab.${tab}`)), tab === 'recents' && state.missed > 0 &&
      h('span', { class: 'badge' }, h('span', { class: 'hidden' }, texts.t('missed')), ` ${state.missed}`)))),
  ];
}

export function dialPad(t, act) {
  return h('div', { class: 'pad', role: 'group', 'aria-label': t('tab.keypad') }, [...'123456789*0#'].map((digit) =>
    h('button', { type: 'button', class: 'digit', 'data-do': act, 'data-arg': digit, 'data-key': `d${digit}` },
      h('span', { class: 'numeral' }, digit), h('span', { class: 'letters' }, LETTERS[digit] ?? ''))));
}

function keypad(state, { t }) {
  const plan = state.plan;
  return [
    h('div', { class: 'entry' },
      h('label', { class: 'hidden', for: 'number' }, t('number.label')),
      h('input', { id: 'number', 'data-key': 'number', type: 'tel', inputmode: 'tel', autocomplete: 'off', maxlength: 40,
        placeholder: t('number.hint'), value: state.number, 'aria-describedby': 'plan' }),
      button('erase', '', { class: 'round plain', 'aria-label': t('number.erase'), disabled: !state.number }, icon('erase'))),
    h('div', { class: `plan ${plan && !plan.may_call ? 'bad' : ''}`, id: 'plan', role: 'status' },
      plan && state.number ? [h('strong', {}, plan.shown), ...plan.lines.map((line) => h('span', {}, line))] : h('span', {}, t('plan.empty'))),
    dialPad(t, 'digit'),
    h('div', { class: 'callrow' }, button('call', '', {
      class: 'call', disabled: !state.number || (plan && !plan.may_call) || state.link !== 'open',
    }, icon('call'), h('span', {}, t('call')))),
  ];
}

function recents(state, texts) {
  const { t } = texts;
  if (!state.recents) return h('p', { class: 'empty' }, t('loading'));
  if (!state.recents.length) return h('p', { class: 'empty' }, t('recents.empty'));
  return h('ul', { class: 'list' }, state.recents.map((call) => {
    const who = call.peer.name || call.peer.address || t('peer.withheld');
    return h('li', { 'data-key': call.call, class: call.missed ? 'missed' : '' },
      h('span', { class: 'way' }, icon(call.direction === 'inbound' ? 'in' : 'out')),
      h('div', { class: 'grow' }, h('strong', {}, who),
        h('span', {}, `${call.missed ? t('missed') : t(`outcome.${call.outcome}`)} · ${texts.moment(call.started_at)}${call.talk_seconds ? ` · ${texts.timer(call.talk_seconds)}` : ''}`),
        call.recording && h('a', { href: `/recordings/${encodeURIComponent(call.call)}` }, t('recording.open'))),
      call.peer.address && button('dial', '', { class: 'round tonal', 'data-arg': call.peer.address, 'aria-label': t('callback.who', { who }) }, icon('call')));
  }));
}

export function settings(state, { t }) {
  const choose = (kind) => h('div', { class: 'field' }, h('label', { for: `device-${kind}` }, t(`device.${kind}`)),
    h('select', { id: `device-${kind}`, 'data-device': kind }, h('option', { value: '' }, t('device.default')),
      (state.devices[kind] ?? []).filter((one) => one.id !== 'default').map((one, index) =>
        h('option', { value: one.id, selected: state.chosen[kind] === one.id }, one.label || t('device.numbered', { n: index + 1 })))));
  return [choose('mic'),
    h('meter', { min: 0, max: 10, value: state.level, 'aria-label': t('device.level') }),
    button('try-mic', t('device.test'), { class: 'tonal' }),
    choose('speaker'), choose('ringer'),
    h('p', { class: 'hint' }, t('shortcuts')),
    h('a', { class: 'button tonal', href: '/settings' }, t('settings.more'))];
}

function consent(state, { t }) {
  return h('main', { class: 'body middle', 'data-key': 'consent' }, h('h2', {}, t('consent.title')), h('p', {}, t('consent.text')),
    h('p', { class: 'hint' }, t('consent.version', { version: '2026-11' })),
    button('consent-yes', t('consent.yes'), { class: 'primary' }), button('consent-no', t('consent.no'), { class: 'tonal' }),
    button('consent-cancel', t('cancel'), { class: 'plain' }));
}
