/** The screens of a live, an incoming and a finished call. */
import { avatar, h, icon } from '../common/dom.js';
import { button } from './view.js';
import { deviceFields } from './view_devices.js';

const RECORDING = ['announcing', 'on'];

/** How the other party's number is written for people, as the call says it or the server has said it before. */
function written(call, state) {
  const { address, shown } = call.peer;
  if (shown && shown !== address) return shown;
  return state.written[call.call] || state.recents?.find((one) => one.peer.address === address)?.peer.shown || address;
}

export const who = (call, state, t) => call.peer.name || (call.peer.address && written(call, state)) || t('peer.withheld');

function person(call, state, t) {
  return [avatar(call.peer.name), h('h2', { class: 'who' }, who(call, state, t)),
    call.peer.name && call.peer.address && h('p', { class: 'number' }, written(call, state))];
}

export function word(call, t) {
  if (call.state === 'dialing' && call.pbx_silent) return t('state.silent');
  return t(`state.${call.state === 'held' || call.held ? 'held' : call.state}`);
}

/** Whether the service is there to say how the call stands. */
const known = (state) => state.link === 'open';

function chips(call, state, texts) {
  const { t } = texts;
  if (!known(state)) {
    return h('div', { class: 'chips', 'data-key': 'unknown' }, h('p', { class: 'unknown', role: 'status', id: 'unknown' }, icon('alert'),
      t(state.link === 'replaced' ? 'state.unknown' : 'state.unanswered')));
  }
  const measured = state.quality[call.call];
  return h('div', { class: 'chips', 'data-key': 'chips' },
    h('p', { class: `rec ${call.recording}`, role: 'status', id: 'rec' }, RECORDING.includes(call.recording) && icon('record'),
      call.recording === 'off' ? t(`rule.${call.recording_rule || 'user-off'}`) : t(`rec.${call.recording}`)),
    measured && h('p', { class: `quality ${measured}`, role: measured === 'none' && 'status', id: 'quality' }, icon('signal'), t(`quality.${measured}`)),
    ['poor', 'none'].includes(measured) && h('p', { class: 'plain' }, t('quality.hint')));
}

const PANELS = {
  keypad: (state, { t }, dialPad) => [h('output', { class: 'sent', 'aria-label': t('digits.sent') }, state.sent), dialPad(t, 'dtmf')],
  devices: (state, texts) => deviceFields(state, texts),
};

export function callCard(call, state, texts, dialPad) {
  const { t } = texts;
  const seconds = call.answered_at ? state.now - call.answered_at : 0;
  const live = ['active', 'held', 'early'].includes(call.state);
  const key = (act, name, picture, on, label) => button(act, '', {
    class: `control ${on ? 'on' : ''}`, 'aria-pressed': String(Boolean(on)), disabled: !live && act !== 'panel', 'data-key': name,
    'data-arg': act === 'panel' ? name : call.call,
  }, icon(picture), h('span', {}, label));
  return [h('main', { class: `body incall ${state.panel ? 'open' : ''}`, tabindex: -1, 'data-key': 'incall' },
    h('div', { class: 'person' }, person(call, state, t),
      h('p', { class: `progress ${known(state) ? '' : 'unknown'}` }, h('span', { id: 'word', role: 'status' }, word(call, t)),
        call.answered_at && h('time', { id: 'timer', role: 'timer' }, texts.timer(seconds))),
      chips(call, state, texts)),
    state.calls.filter((one) => one !== call && ['active', 'held'].includes(one.state)).map((one) => h('section', { class: 'notice', 'data-key': `other-${one.call}` },
      icon('hold'), h('p', {}, t('call.waiting', { who: who(one, state, t) })), button('hold', t('call.switch'), { class: 'tonal', 'data-arg': one.call }))),
    state.panel && h('div', { class: `drawer ${state.panel}`, id: `panel-${state.panel}`, 'data-key': `panel-${state.panel}` }, PANELS[state.panel](state, texts, dialPad)),
    h('div', { class: 'controls' },
      key('mute', 'mute', call.muted ? 'muted' : 'mute', call.muted, t('mute')), key('hold', 'hold', call.held ? 'resume' : 'hold', call.held, t('hold')),
      key('panel', 'keypad', 'keypad', state.panel === 'keypad', t('tab.keypad')), key('panel', 'devices', 'devices', state.panel === 'devices', t('devices')))),
  h('footer', { class: 'foot', 'data-key': 'foot' },
    RECORDING.includes(call.recording) && button('record-stop', t('rec.stop'), { class: 'tonal big', 'data-arg': call.call }),
    button('hangup', '', { class: 'hangup', 'data-arg': call.call }, icon('end'), h('span', {}, t('hangup'))))];
}

export function incoming(call, state, { t }, another) {
  return [h('main', { class: 'body middle ringing', tabindex: -1, 'data-key': 'incoming' },
    h('div', { role: 'alert' }, h('p', { class: 'lead' }, t('incoming')), person(call, state, t)),
    another && h('p', { class: 'hint' }, t('incoming.second'))),
  h('footer', { class: 'foot two', 'data-key': 'foot-in' },
    button('decline', '', { class: 'hangup', 'data-arg': call.call }, icon('end'), h('span', {}, t('decline'))),
    button('answer', '', { class: 'call', 'data-arg': call.call }, icon('call'), h('span', {}, t('answer'))))];
}

/** The key of an outcome's words: audio that had carried talk was lost, not missing from the start. */
export const ending = (outcome, talkSeconds) => (outcome === 'media-failed' && talkSeconds > 0 ? 'media-lost' : outcome);

const missed = (call) => call.direction === 'inbound' && ['no-answer', 'cancelled', 'unreachable'].includes(call.outcome);

/** How it ended in one sentence; a failure of ours or of the PBX says more than its name. */
function sentence(call, { t, has }) {
  if (missed(call)) return t('missed');
  const outcome = ending(call.outcome || 'completed', call.talked);
  return t(has(`ended.${outcome}`) ? `ended.${outcome}` : `outcome.${outcome}`);
}

export function endedSheet(call, state, texts) {
  const { t } = texts;
  return [h('main', { class: 'body middle', tabindex: -1, 'data-key': 'ended' }, person(call, state, t),
    h('p', { class: 'lead', role: 'status' }, sentence(call, texts)),
    call.talked > 0 && h('p', { class: 'length' }, texts.timer(call.talked)),
    call.recording !== 'off' && h('p', { class: 'hint' }, t('rec.later'))),
  h('footer', { class: 'foot two', 'data-key': 'foot-end' }, button('close-ended', t('close'), { class: 'tonal big' }),
    call.peer.address && button('dial', '', { class: 'call', 'data-arg': call.peer.address }, icon('call'), h('span', {}, t(['our-error', 'away'].includes(call.outcome) ? 'call.again' : 'call'))))];
}
