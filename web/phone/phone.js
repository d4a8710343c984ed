/** The webphone: joins the server's snapshots, the media and the view. */
import { get, me, post } from '../common/api.js';
import { morph } from '../common/dom.js';
import { loadTexts } from '../common/text.js';
import { bindKeys } from './keys.js';
import { Media } from './media.js';
import { Line } from './rpc.js';
import { openSession } from './session.js';
import { Tones } from './tones.js';
import { current, view } from './view.js';
import { who } from './view_call.js';

const STAY_MS = 600000;
const AT_ONCE_MS = 8000;
const SILENT_MS = 5000;
const root = document.getElementById('root');
const texts = await loadTexts(document.documentElement.lang);
const { t } = texts;
document.title = t('phone.title');
const tones = new Tones();
let notification = null;
let planTimer = 0;
let wanted = '';
let wantedAt = 0;
let heardAt = Date.now();

const state = {
  user: null, link: 'connecting', role: 'remote', line: { registered: false, problem: '' }, calls: [], tab: 'keypad', number: '',
  plan: null, recents: null, missed: 0, devices: {}, chosen: {}, level: 0, quality: {}, refused: '', error: '', ended: null,
  panel: '', sent: '', consent: null, silent: false, written: {}, now: Date.now() / 1000,
  hint: '', unplanned: false, unlisted: false, placing: false, unsure: null,
};

function show(change = {}) {
  Object.assign(state, change);
  const shown = view(state, texts);
  const heard = current(state);
  if (heard && heard.call !== state.heard) {
    if (state.heard) media.mute(Boolean(heard.muted));
    media.hear(heard.call);
  }
  state.heard = heard?.call ?? '';
  const focused = root.contains(document.activeElement);
  if (root.firstElementChild) morph(root.firstElementChild, shown);
  else root.append(shown);
  if (focused && !root.contains(document.activeElement)) root.querySelector('main')?.focus({ preventScroll: true });
}

function deviceId() {
  const id = localStorage.getItem('ctc.device') ?? crypto.randomUUID();
  localStorage.setItem('ctc.device', id);
  return id;
}

const line = new Line(document.body.dataset.wsUrl, async () => (await post('/api/phone/ticket')).ticket,
  { id: deviceId(), label: 'browser' }, () => tones.clock());
const media = new Media(line, document.getElementById('remote'), document.getElementById('ringer'), tones, soundExpected);
state.chosen = media.chosen;
const ask = (method, params) => line.call(method, params).catch((error) => show({ error: t(`error.${texts.has(`error.${error.kind}`) ? error.kind : 'our-error'}`) }));

function soundExpected(id) {
  const call = find(id);
  return call?.state === 'active' && !call.held && !call.peer_holds && call.recording !== 'announcing';
}

function ringFor(call) {
  if (!call || state.role !== 'phone') {
    tones.stopRing();
    notification?.close();
    notification = null;
    return;
  }
  tones.startRing(media.ringer);
  if (notification || !('Notification' in window) || Notification.permission !== 'granted') return;
  notification = new Notification(t('incoming'), { body: who(call, state, t), tag: call.call, requireInteraction: true });
  notification.onclick = () => window.focus();
}

function ended(call) {
  const known = state.calls.some((one) => one.call === call.call);
  media.end(call.call);
  state.calls = state.calls.filter((one) => one.call !== call.call);
  if (known) {
    state.ended = { ...call, talked: call.answered_at ? Date.now() / 1000 - call.answered_at : 0 };
    Object.assign(state, { panel: '', sent: '' });
    loadRecents();
  }
}

/** The service knows this call no more: it failed, or the call ended while this window was away. */
function gone(call, restarted) {
  state.ended = { ...call, outcome: restarted ? 'our-error' : 'away', talked: 0 };
  Object.assign(state, { panel: '', sent: '' });
  loadRecents();
}

function took(call, reason = 'initial') {
  if (state.unsure) Object.assign(state, { unsure: null, error: '' });
  if (call.state === 'ended') ended(call);
  else {
    const others = state.calls.filter((one) => one.call !== call.call);
    state.calls = others.length === state.calls.length ? [...others, call] : state.calls.map((one) => (one.call === call.call ? call : one));
    state.ended = null;
    if (state.role === 'phone' && call.media === 'wanted') media.connect(call.call, reason, call.media_round);
    if (state.role === 'phone') media.mute(state.calls.some((one) => one.muted && one.state === 'active'));
  }
  ringFor(state.calls.find((one) => one.direction === 'inbound' && one.state === 'ringing'));
  show();
}

line.addEventListener('link', ({ detail }) => show({ link: detail, ...(detail === 'signed-out' ? { user: null } : {}) }));
line.addEventListener('welcome', ({ detail }) => {
  const over = state.calls.filter((one) => !detail.calls.some((call) => call.call === one.call));
  for (const one of over) media.end(one.call);
  state.calls = [];
  if (over.length) gone(over.at(-1), detail.restarted);
  show({ role: detail.role, line: detail.line, link: 'open' });
  for (const call of detail.calls) {
    const again = state.role === 'phone' && call.media !== 'none';
    took(again ? { ...call, media: 'wanted' } : call, call.answered_at || call.media === 'up' ? 'reconnect' : 'initial');
  }
  if (wanted && Date.now() - wantedAt < AT_ONCE_MS) place(wanted);
  wanted = '';
});
line.addEventListener('call.state', ({ detail }) => took(detail));
line.addEventListener('session.role', ({ detail }) => {
  if (detail.role !== 'phone') for (const call of state.calls) media.end(call.call);
  show({ role: detail.role });
});
line.addEventListener('line.status', ({ detail }) => show({ line: detail }));
media.addEventListener('devices', ({ detail }) => show({ devices: detail }));
media.addEventListener('level', ({ detail }) => {
  if (detail > 0 || !media.listening) heardAt = Date.now();
  const silent = Date.now() - heardAt > SILENT_MS;
  if (detail !== state.level || silent !== state.silent) show({ level: detail, silent });
});
media.addEventListener('refused', ({ detail }) => show({ refused: detail && (texts.has(`mic.${detail}`) ? detail : 'NotReadableError') }));
media.addEventListener('quality', ({ detail }) => show({ quality: { ...state.quality, [detail.call]: detail.quality } }));
media.addEventListener('failed', ({ detail }) => { if (!state.refused && detail.error.kind !== 'bad-state') show({ error: t('error.media-failed') }); });

async function loadRecents() {
  try {
    const { calls } = await get('/api/calls');
    const seen = Number(localStorage.getItem('ctc.seen') ?? 0);
    show({ recents: calls, unlisted: false, missed: calls.filter((call) => call.missed && call.started_at > seen).length });
  } catch {
    show({ unlisted: true });
  }
}

function setNumber(number) {
  show({ number, plan: null, hint: '', unplanned: false });
  clearTimeout(planTimer);
  if (number) planTimer = setTimeout(() => plan(number), 250);
}

async function plan(number) {
  try {
    const found = await get(`/api/plan?to=${encodeURIComponent(number)}`);
    if (number === state.number) show({ plan: found });
  } catch {
    if (number === state.number) show({ plan: null, unplanned: true });
  }
}

/** What stands in the way of calling at all, said at the click. */
function stopped(to) {
  if (!to.trim()) show({ hint: t('number.first') });
  else if (state.link !== 'open') {
    show({ error: t('error.not-connected') });
    if (state.user) line.retry();
  } else return false;
  return true;
}

/** One call for one click: a number whose fate is unsure is tried again under the same id. */
async function place(to, id = state.unsure?.to === to ? state.unsure.id : crypto.randomUUID()) {
  if (state.placing) return;
  show({ error: '', unsure: null, ended: null, number: to, tab: 'keypad' });
  if (stopped(to)) return;
  tones.wake();
  show({ placing: true });
  try {
    if (state.role === 'phone') await media.mic();
    const { call, shown } = await post('/api/calls', { to, device: 'browser', id });
    show({ consent: null, written: { ...state.written, [call]: shown } });
  } catch (error) {
    if (error.kind === 'consent-required') show({ consent: { to, id, number: state.plan?.shown ?? to, version: await consentVersion() } });
    else if (error.status !== undefined) refused(error, to, id);
  } finally {
    show({ placing: false });
  }
}

function refused(error, to, id) {
  const unsure = error.status === 0 || error.kind === 'away' ? { to, id } : null;
  const down = error.kind === 'line-down' && state.line.problem;
  show({ consent: null, unsure, error: unsure ? t('error.unsure') : down ? t('error.line-down') : error.message });
}

async function consentVersion() {
  return (await get('/api/settings').catch(() => ({}))).consent_version ?? '';
}

async function decide(granted) {
  const { to, id } = state.consent;
  try {
    await post('/api/consents', { kind: 'recording', granted });
    await place(to, id);
  } catch (error) {
    show({ error: error.message || t('error.our-error') });
  }
}

async function answer(call) {
  try {
    if (state.role === 'phone') await media.mic();
    await ask('call.answer', { call });
  } catch {
    show();
  }
}

const find = (call) => state.calls.find((one) => one.call === call);
const ACTS = {
  tab: (tab) => {
    show({ tab });
    if (tab === 'recents') { localStorage.setItem('ctc.seen', String(Date.now() / 1000)); loadRecents(); show({ missed: 0 }); }
    if (tab === 'settings') media.list();
  },
  digit: (digit) => { tones.key(digit); setNumber(state.number + digit); },
  erase: () => setNumber(state.number.slice(0, -1)),
  call: () => place(state.number),
  dial: (to) => { setNumber(to); place(to); },
  answer,
  decline: (call) => ask('call.decline', { call }),
  hangup: (call) => ask('call.hangup', { call }),
  mute: (call) => { const muted = !find(call).muted; media.mute(muted); ask('call.mute', { call, muted }); },
  hold: (call) => ask('call.hold', { call, held: !find(call).held }),
  dtmf: (digits) => { tones.key(digits); show({ sent: (state.sent + digits).slice(-24) }); ask('call.dtmf', { call: current(state).call, digits }); },
  panel: (panel) => { show({ panel: state.panel === panel ? '' : panel }); if (panel === 'devices') media.list(); },
  'record-stop': (call) => ask('record.stop', { call }),
  take: async () => { const got = await ask('session.take', {}); if (got) { show({ role: got.role }); for (const call of state.calls) took(call, 'reconnect'); } },
  'try-mic': () => media.mic().then(() => state.calls.forEach((call) => took(call)), () => {}),
  'clear-error': () => show({ error: '', unsure: null }),
  'place-again': () => place(state.unsure.to, state.unsure.id),
  'recents-again': () => { show({ recents: null, unlisted: false }); loadRecents(); },
  begin: () => begin(),
  reconnect: () => line.retry(),
  reopen: () => line.reopen(),
  'close-ended': () => show({ ended: null, number: '', plan: null }),
  'consent-yes': () => decide(true),
  'consent-no': () => decide(false),
  'consent-cancel': () => show({ consent: null }),
};

root.addEventListener('click', (event) => {
  const target = event.target.closest('[data-do]');
  if (!target) return;
  if ('Notification' in window && Notification.permission === 'default') Notification.requestPermission();
  tones.wake();
  ACTS[target.dataset.do](target.dataset.arg);
});
root.addEventListener('input', (event) => event.target.id === 'number' && setNumber(event.target.value));
root.addEventListener('change', (event) => {
  const kind = event.target.dataset.device;
  if (kind) media.choose(kind, event.target.value).then(() => show({ chosen: media.chosen }), () => show({ error: t('error.device') }));
});
bindKeys(() => state, ACTS);
setInterval(() => state.calls.length && show({ now: Date.now() / 1000 }), 500);

/** Opens the session, and from it the line; a server that does not answer is named, with a way to try again. */
async function begin() {
  show({ link: 'connecting' });
  try {
    const { user, dial, go } = await openSession();
    if (!user) return show({ link: 'signed-out' });
    show({ user });
    if (dial && !state.number) setNumber(dial);
    if (go && state.number === dial) wanted = dial;
    line.open();
    loadRecents();
    media.list();
    setInterval(() => me().catch(() => {}), STAY_MS);
  } catch {
    show({ link: 'away' });
  }
}

wantedAt = Date.now();
begin();
