/** The add-on's web API; unsafe methods carry the session's CSRF token. */

let csrf = '';

export class ApiError extends Error {
  constructor(status, kind, text) {
    super(text || kind);
    this.status = status;
    this.kind = kind;
  }
}

async function send(method, path, body) {
  const headers = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['x-ctc-csrf'] = csrf;
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, 'offline', '');
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, data.error?.kind ?? 'our-error', data.error?.text ?? '');
  return data;
}

export const get = (path) => send('GET', path);
export const post = (path, body = {}) => send('POST', path, body);
export const put = (path, body) => send('PUT', path, body);
export const del = (path) => send('DELETE', path);

/** Who is signed in; null when nobody is. */
export async function me() {
  try {
    const found = await get('/api/me');
    csrf = found.csrf;
    return found.user;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}
