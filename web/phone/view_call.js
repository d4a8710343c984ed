/** The screens of a live, an incoming and a finished call. */
import { h, icon } from '../common/dom.js';
import { button, settings } from './view.js';

const who = (call, t) => call.peer.name || call.peer.address || t('peer.withheld');

function person(call, t) {
  return [h('h2', { class: 'who' }, who(call, t)),
    call.peer.name && call.peer.address && h('p', { class: 'number' }, call.peer.address)];
}

export function word(call, t) {
  return t(`state.${call.state === 'held' || call.held ? 'held' : call.state}`);
}

function chips(call, state, texts) {
  const { t } = texts;
  const measured = state.quality[call.call];
  return h('div', { class: 'chips' },
    h('p', { class: `rec ${call.recording}`, role: 'status', id: 'rec' }, ['announcing', 'on'].includes(call.recording) && icon('record'),
      call.recording === 'off' ? t(`rule.${call.recording_rule || 'user-off'}`) : t(`rec.${call.recording}`)),
    measured && h('p', { class: `quality ${measured}`, id: 'quality' }, t(`quality.${measured}`)));
}

export function callCard(call, state, texts, dialPad) {
  const { t } = texts;
  const seconds = call.answered_at ? state.now - call.answered_at : 0;
  const live = ['active', 'held', 'early'].includes(call.state);
  const key = (act, name, on, label) => button(act, '', {
    class: `control ${on ? 'on' : ''}`, 'aria-pressed': String(Boolean(on)), disabled: !live && act !== 'panel', 'data-key': name,
    'data-arg': act === 'panel' ? name : call.call,
  }, icon(name), h('span', {}, label));
  return [h('main', { class: 'body incall', 'data-key': 'incall' },
    person(call, t),
    h('p', { class: 'progress' }, h('span', { id: 'word', role: 'status' }, word(call, t)),
      call.answered_at && h('time', { id: 'timer', role: 'timer' }, texts.timer(seconds))),
    chips(call, state, texts),
    h('div', { class: 'controls' }, key('mute', 'mute', call.muted, t('mute')), key('hold', 'hold', call.held, t('hold')),
      key('panel', 'keypad', state.panel === 'keypad', t('tab.keypad')), key('panel', 'devices', state.panel === 'devices', t('devices'))),
    state.panel === 'keypad' && h('div', { class: 'drawer', 'data-key': 'dk' }, h('output', { class: 'sent', 'aria-label': t('digits.sent') }, state.sent), dialPad(t, 'dtmf')),
    state.panel === 'devices' && h('div', { class: 'drawer settings', 'data-key': 'dd' }, settings(state, texts)),
    ['announcing', 'on'].includes(call.recording) && button('record-stop', t('rec.stop'), { class: 'plain', 'data-arg': call.call })),
  h('footer', { class: 'foot', 'data-key': 'foot' }, button('hangup', '', { class: 'hangup', 'data-arg': call.call }, icon('end'), h('span', {}, t('hangup'))))];
}

export function incoming(call, state, { t }, another) {
  return [h('main', { class: 'body middle', 'data-key': 'incoming' },
    h('div', { role: 'alert' }, h('p', { class: 'lead' }, t('incoming')), person(call, t)),
    another && h('p', { class: 'hint' }, t('incoming.second'))),
  h('footer', { class: 'foot two', 'data-key': 'foot-in' },
    button('decline', '', { class: 'hangup', 'data-arg': call.call }, icon('end'), h('span', {}, t('decline'))),
    button('answer', '', { class: 'call', 'data-arg': call.call }, icon('call'), h('span', {}, t('answer'))))];
}

export function endedSheet(call, texts) {
  const { t } = texts;
  return [h('main', { class: 'body middle', 'data-key': 'ended' }, person(call, t),
    h('p', { class: 'lead', role: 'status' }, t(`outcome.${call.outcome || 'completed'}`)),
    call.talked > 0 && h('p', { class: 'number' }, texts.timer(call.talked))),
  h('footer', { class: 'foot two', 'data-key': 'foot-end' }, button('close-ended', t('close'), { class: 'tonal big' }),
    call.peer.address && button('dial', '', { class: 'call', 'data-arg': call.peer.address }, icon('call'), h('span', {}, t('callback'))))];
}
