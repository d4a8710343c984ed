/** What the phone shows: a pure function of its state. Acts are named by `data-do` and `data-arg`. */
import { avatar, h, icon } from '../common/dom.js';
import { callCard, endedSheet, ending, incoming } from './view_call.js';
import { deviceFields } from './view_devices.js';

const LETTERS = { 2: 'ABC', 3: 'DEF', 4: 'GHI', 5: 'JKL', 6: 'MNO', 7: 'PQRS', 8: 'TUV', 9: 'WXYZ', 0: '+' };
const TABS = ['keypad', 'recents', 'settings'];

/** The call that is heard: the one that is not on hold, else the first. */
export const current = (state) => state.calls.find((one) => !one.held && one.state !== 'ringing') ?? state.calls.find((one) => !one.held) ?? state.calls[0];

export function view(state, texts) {
  const { t } = texts;
  const call = current(state);
  const ringing = state.calls.find((one) => one.direction === 'inbound' && one.state === 'ringing');
  const body = () => {
    if (!state.user && state.link === 'signed-out') return signIn(t);
    if (ringing) return incoming(ringing, state, texts, state.calls.length > 1);
    if (call) return callCard(call, state, texts, dialPad);
    if (state.consent) return consent(state, texts);
    if (state.ended) return endedSheet(state.ended, state, texts);
    return tabs(state, texts);
  };
  return h('div', { class: 'phone', id: 'phone' }, topBar(state, t), notices(state, t), body());
}

function topBar(state, t) {
  const good = state.link === 'open' && state.line.registered;
  const word = state.link === 'open' ? (good ? 'line.ready' : 'line.down') : `link.${state.link}`;
  const mine = state.user && [state.user.name, state.user.extension].filter(Boolean).join(' · ');
  return h('header', { class: 'top' },
    h('img', { src: '/icons/logo-128.png', alt: '', width: 36, height: 36 }),
    h('div', { class: 'grow' }, h('h1', { class: 'brand' }, t('phone.title')), mine && h('span', {}, mine)),
    h('p', { class: `status ${good ? 'good' : state.link === 'open' ? 'warn' : 'bad'}`, role: 'status' },
      h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', {}, t(word))));
}

function notice(key, kind, name, text, ...inside) {
  return h('section', { class: `notice ${kind}`, role: kind === 'bad' ? 'alert' : false, 'data-key': key }, icon(name), h('p', {}, text), ...inside);
}

function notices(state, t) {
  const down = state.link === 'open' && !state.line.registered && `line.${state.line.problem || 'unregistered'}`;
  const said = [
    ['silent', 'away'].includes(state.link) && notice(state.link, 'bad', 'alert', t(`link.${state.link}.text`),
      button(state.link === 'away' ? 'begin' : 'reconnect', t('mic.again'), { class: 'tonal' })),
    state.link === 'lost' && notice('lost', 'bad', 'alert', t('error.offline'), button('reconnect', t('link.now'), { class: 'tonal' })),
    state.link === 'replaced' && notice('replaced', 'bad', 'alert', t('link.replaced.text'), button('reopen', t('link.again'), { class: 'tonal' })),
    down && notice('down', 'warn', 'alert', t(down)),
    state.role === 'remote' && state.link === 'open' &&
      notice('remote', '', 'window', t('remote.text'), button('take', t('remote.use'), { class: 'tonal' })),
    state.refused && notice('refused', 'bad', 'muted', [h('strong', {}, t('mic.title')), h('br'), t(`mic.${state.refused}`)],
      button('try-mic', t('mic.again'), { class: 'tonal' })),
    state.error && notice('error', 'bad', 'alert', state.error, state.unsure && button('place-again', t('mic.again'), { class: 'tonal' }), button('clear-error', t('close'), { class: 'tonal' })),
  ].filter(Boolean);
  return h('aside', { class: 'notices', 'data-key': 'notices', 'aria-label': t('notices'), hidden: !said.length }, said);
}

export function button(act, label, attributes = {}, ...inner) {
  return h('button', { type: 'button', 'data-do': act, 'data-key': act, ...attributes }, ...(inner.length ? inner : [label]));
}

function signIn(t) {
  return h('main', { class: 'body middle', tabindex: -1 }, h('img', { src: '/icons/logo-128.png', alt: '', width: 72, height: 72 }),
    h('h2', {}, t('signin.title')), h('p', {}, t('signin.text')), h('a', { class: 'button primary', href: '/login?next=/phone' }, t('signin.button')));
}

function tabs(state, texts) {
  const panel = { keypad, recents, settings }[state.tab];
  return [
    h('main', { class: `body ${state.tab}`, id: 'panel', tabindex: -1, 'data-key': state.tab, 'aria-label': texts.t(`tab.${state.tab}`) }, panel(state, texts)),
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
  const { plan, number } = state;
  const bad = state.hint || (plan && !plan.may_call);
  return [
    h('div', { class: 'entry' },
      h('label', { class: 'hidden', for: 'number' }, t('number.label')),
      h('input', { id: 'number', 'data-key': 'number', type: 'tel', inputmode: 'tel', autocomplete: 'off', maxlength: 40,
        placeholder: t('number.hint'), value: number, 'aria-describedby': 'plan' }),
      button('erase', '', { class: 'round plain', 'aria-label': t('number.erase'), disabled: !number }, icon('erase'))),
    h('div', { class: `plan ${bad ? 'bad' : ''}`, id: 'plan', role: 'status' },
      plan && number ? [h('strong', {}, plan.shown), ...plan.lines.map((line) => h('span', {}, line))]
        : h('span', {}, state.hint || t(!number ? 'plan.empty' : state.unplanned ? 'plan.unknown' : 'loading'))),
    dialPad(t, 'digit'),
    h('div', { class: 'callrow' }, button('call', '', { class: 'call', disabled: Boolean(plan && !plan.may_call), 'aria-busy': state.placing && 'true' },
      icon('call'), h('span', {}, t(state.placing ? 'state.new' : 'call')))),
  ];
}

function recents(state, texts) {
  const { t } = texts;
  if (state.unlisted) {
    return h('div', { class: 'empty', role: 'alert' }, icon('alert'), h('p', {}, t('recents.failed')), button('recents-again', t('mic.again'), { class: 'tonal' }));
  }
  if (!state.recents) return h('p', { class: 'empty', role: 'status' }, t('loading'));
  if (!state.recents.length) return h('div', { class: 'empty' }, icon('recents'), h('p', {}, t('recents.empty')));
  return h('ul', { class: 'list' }, state.recents.map((call) => recent(call, texts)));
}

function recent(call, texts) {
  const { t } = texts;
  const who = call.peer.name || call.peer.shown || call.peer.address || t('peer.withheld');
  const way = call.missed ? 'missed' : call.direction === 'inbound' ? 'in' : 'out';
  const talked = call.talk_seconds > 0 && texts.timer(call.talk_seconds);
  const went = call.missed ? t('missed') : [call.outcome !== 'completed' && t(`outcome.${ending(call.outcome, call.talk_seconds)}`), talked].filter(Boolean).join(' · ');
  return h('li', { 'data-key': call.call, class: way },
    h('span', { class: 'way' }, icon(way), h('span', { class: 'hidden' }, t(`way.${way}`))),
    h('div', { class: 'grow' }, h('strong', {}, who), h('span', {}, [texts.moment(call.started_at), went].filter(Boolean).join(' · ')),
      call.recording && h('a', { href: `/recordings/${encodeURIComponent(call.call)}`, target: '_blank' }, icon('record'), t('recording.open'))),
    call.peer.address && button('dial', '', { class: 'round tonal', 'data-arg': call.peer.address, 'aria-label': t('callback.who', { who }) }, icon('call')));
}

export function settings(state, texts) {
  const { t } = texts;
  return [deviceFields(state, texts), button('try-mic', t('device.test'), { class: 'tonal' }),
    h('p', { class: 'hint' }, t('shortcuts')), h('a', { class: 'button tonal', href: '/settings' }, t('settings.more'))];
}

function consent(state, { t }) {
  const { number, version } = state.consent;
  return h('main', { class: 'body middle', tabindex: -1, 'data-key': 'consent' }, avatar(''), h('h2', {}, t('consent.title')), h('p', {}, t('consent.text')),
    version && h('p', { class: 'hint' }, t('consent.version', { version })),
    h('p', {}, t('consent.then', { number })),
    button('consent-yes', t('consent.yes'), { class: 'tonal' }), button('consent-no', t('consent.no'), { class: 'tonal' }),
    button('consent-cancel', t('cancel'), { class: 'plain' }));
}
