/** Keyboard: digits typed anywhere, Ctrl/⌘+Shift+M H K A X. */
import { current } from './view.js';

export function bindKeys(read, acts) {
  document.addEventListener('keydown', (event) => {
    const state = read();
    const ringing = state.calls.find((call) => call.direction === 'inbound' && call.state === 'ringing');
    const call = current(state);
    if ((event.ctrlKey || event.metaKey) && event.shiftKey) {
      const wanted = {
        KeyM: call && call !== ringing && (() => acts.mute(call.call)), KeyH: call && call !== ringing && (() => acts.hold(call.call)),
        KeyK: call && (() => acts.panel('keypad')), KeyA: ringing && (() => acts.answer(ringing.call)),
        KeyX: ringing ? () => acts.decline(ringing.call) : call && (() => acts.hangup(call.call)),
      }[event.code];
      if (wanted) {
        event.preventDefault();
        wanted();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (/^[0-9*#]$/.test(event.key)) {
      if (call && call !== ringing) acts.dtmf(event.key);
      else if (!call && state.tab === 'keypad') acts.digit(event.key);
    } else if (!call && event.key === 'Backspace' && state.tab === 'keypad') acts.erase();
  });
}
