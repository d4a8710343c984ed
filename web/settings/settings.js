/** Settings, consent and the user's stored data. */
import { del, get, me, post, put } from '../common/api.js';
import { morph } from '../common/dom.js';
import { failurePage } from '../common/failure.js';
import { loadTexts } from '../common/text.js';
import { openSession } from '../phone/session.js';
import { agreed, view } from './view.js';

const SAID_MS = 6000;
const root = document.getElementById('root');
let texts = await loadTexts(document.documentElement.lang);
const state = { settings: null, recordings: [], asking: '', said: '' };
let quiet = 0;

function show(change = {}) {
  Object.assign(state, change);
  document.title = texts.t('page.settings');
  const wanted = view(state, texts);
  if (!state.asking) root.querySelector('dialog')?.close();
  const focused = root.contains(document.activeElement);
  if (root.firstElementChild) morph(root.firstElementChild, wanted);
  else root.append(wanted);
  const box = document.getElementById('record_calls');
  if (box) box.checked = state.settings.record_calls;
  const dialog = root.querySelector('dialog');
  if (dialog && !dialog.open) {
    dialog.removeAttribute('open');
    dialog.showModal();
    dialog.oncancel = () => show({ asking: '' });
  } else if (focused && !root.contains(document.activeElement)) root.querySelector('main').focus({ preventScroll: true });
}

/** Shows `change` and says so for a while. */
function tell(said, change = {}) {
  clearTimeout(quiet);
  quiet = setTimeout(() => show({ said: '' }), SAID_MS);
  show({ ...change, said });
}

async function save(change) {
  const saved = await put('/api/settings', { ...state.settings, ...change });
  const settings = 'rev' in saved ? saved : await get('/api/settings');
  if ('language' in change) {
    texts = await loadTexts(settings.language || (await me()).language);
    document.documentElement.lang = texts.language;
  }
  tell(texts.t('set.saved'), { settings });
}

const recordings = async () => (await get('/api/recordings')).recordings;
const ACTS = {
  withdraw: async () => {
    const stored = await post('/api/consents', { kind: 'recording', granted: false });
    tell(stored?.warning ?? texts.t('set.withdrawn'), { settings: await get('/api/settings') });
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
      tell(texts.t('rec.deleted'), { asking: '', recordings: await recordings() });
    }
  },
};
async function failed(error) {
  const settings = error.status === 409 ? await get('/api/settings').catch(() => state.settings) : state.settings;
  tell(error.message && error.status ? error.message : texts.t(error.status === 0 ? 'error.offline' : 'error.our-error'), { asking: '', settings });
}

root.addEventListener('click', (event) => {
  const target = event.target.closest('[data-do]');
  if (target) Promise.resolve(ACTS[target.dataset.do](target.dataset.arg)).catch(failed);
});
root.addEventListener('change', ({ target }) => {
  if (target.id === 'record_calls') {
    if (target.checked && !agreed(state.settings)) show({ asking: 'consent' });
    else save({ record_calls: target.checked }).catch(failed);
  } else save({ [target.name]: target.name === 'retention_days' ? Number(target.value) : target.value }).catch(failed);
});

async function start() {
  if (!(await openSession()).user) return location.replace('/login?next=/settings');
  show({ settings: await get('/api/settings'), recordings: await recordings() });
}
start().catch((error) => root.replaceChildren(failurePage(error, texts, 'page.settings')));
