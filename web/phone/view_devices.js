/** Choice of microphone, loudspeaker and ringer, with the level of what the microphone hears. */
import { h } from '../common/dom.js';

const STEPS = 10;

export function deviceFields(state, { t }) {
  const choose = (kind) => h('div', { class: 'field' }, h('label', { for: `device-${kind}` }, t(`device.${kind}`)),
    h('select', { id: `device-${kind}`, 'data-device': kind }, h('option', { value: '' }, t('device.default')),
      (state.devices[kind] ?? []).filter((one) => one.id !== 'default').map((one, index) =>
        h('option', { value: one.id, selected: state.chosen[kind] === one.id }, one.label || t('device.numbered', { n: index + 1 })))));
  return [choose('mic'), level(state, t), choose('speaker'), choose('ringer')];
}

function level(state, t) {
  const bars = Array.from({ length: STEPS }, (_, step) => h('span', { class: step < state.level ? 'on' : '' }));
  return h('div', { class: 'field' },
    h('div', { class: 'level', role: 'meter', 'aria-label': t('device.level'), 'aria-valuemin': 0, 'aria-valuemax': STEPS, 'aria-valuenow': state.level }, bars),
    h('p', { class: 'hint', role: 'status' }, state.silent && t('device.silent')));
}
