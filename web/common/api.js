/** The add-on's web API; unsafe methods carry the session's CSRF token. */

const PATIENCE_MS = 7000;
let csrf = '';
let who = '';

export class ApiError extends Error {
  constructor(status, kind, text) {
    super(text || kind);
    this.status = status;
    this.kind = kind;
  }
}

/** Another window may have opened a new session of the same person: its token is taken once; another person's page is begun anew. */
async function renewed() {
  const before = who;
  const found = await me();
  if (found && found.id === before) return true;
  location.reload();
  return false;
}

/** `work`, or after a while an error that the server does not answer; the work itself goes on. */
export function patient(work) {
  let late;
  const told = new Promise((_, reject) => { late = setTimeout(() => reject(new ApiError(0, 'offline', '')), PATIENCE_MS); });
  return Promise.race([work, told]).finally(() => clearTimeout(late));
}

/** One request, given up after a while; `spends` is one whose answer comes only once, so that it is waited for. */
async function send(method, path, body, again = true, spends = false) {
  const headers = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['x-ctc-csrf'] = csrf;
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body),
      signal: spends ? undefined : AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new ApiError(0, 'offline', '');
  }
  const data = await answer.json().catch((error) => {
    if (error.name === 'TimeoutError') throw new ApiError(0, 'offline', '');
    return {};
  });
  if (answer.status === 403 && data.error?.kind === 'csrf' && again && csrf && (await renewed())) return send(method, path, body, false);
  if (!answer.ok) throw new ApiError(answer.status, data.error?.kind ?? 'our-error', data.error?.text ?? '');
  return data;
}

export const get = (path) => send('GET', path);
export const post = (path, body = {}) => send('POST', path, body);
export const spend = (path, body) => send('POST', path, body, true, true);
export const put = (path, body) => send('PUT', path, body);
export const del = (path) => send('DELETE', path);

/** Who is signed in; null when nobody is. */
export async function me() {
  try {
    const found = await get('/api/me');
    csrf = found.csrf;
    who = found.user.id;
    return found.user;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}
