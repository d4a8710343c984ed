/** JSON-RPC 2.0 over one WebSocket that comes back by itself (docs/asyncapi.yaml). */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const ALIVE_MS = 5000;
const ANSWER_MS = 20000;
const CONNECT_MS = 5000;
const LATE_MS = 10000;

export function backOff(attempt, random = Math.random) {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return full * (0.5 + random() / 2);
}

export class RpcError extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

export class Line extends EventTarget {
  #url; #ticket; #device; #clock; #socket = null; #waiting = new Map(); #next = 1;
  #attempt = 0; #resume = null; #heart = 0; #again = 0; #closed = false; #turn = 0; #patience = 0; #run = '';

  /** `ticket`: async, gives a fresh ticket. `clock`: the audio clock in seconds. */
  constructor(url, ticket, device, clock) {
    super();
    this.#url = url;
    this.#ticket = ticket;
    this.#device = device;
    this.#clock = clock;
    this.seq = 0;
    addEventListener('online', () => this.#retryNow());
  }

  /** Tries at once instead of waiting for the next turn. */
  retry() {
    this.#retryNow();
  }

  /** Starts a fresh session after this one was taken over. */
  reopen() {
    this.#closed = false;
    this.#resume = null;
    this.#retryNow();
  }

  /** `quiet`: why the last try failed stays on the screen. */
  async open(quiet = false) {
    const turn = ++this.#turn;
    if (!quiet) this.#tell('link', 'connecting');
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#abandon(), CONNECT_MS);
    let ticket;
    try {
      ticket = await this.#ticket();
    } catch (error) {
      if (turn !== this.#turn) return;
      clearTimeout(this.#patience);
      if (error.status === 401) this.#tell('link', 'signed-out');
      else this.#later('lost');
      return;
    }
    if (turn !== this.#turn) return;
    const socket = new WebSocket(this.#url, 'ctc.phone.v1');
    this.#socket = socket;
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => socket === this.#socket && this.#lost();
    socket.onopen = () => this.#hello(ticket);
  }

  async #hello(ticket) {
    try {
      const welcome = await this.call('session.hello', { ticket, device: this.#device, resume: this.#resume });
      clearTimeout(this.#patience);
      this.#attempt = 0;
      this.seq = welcome.seq;
      const restarted = Boolean(this.#run) && this.#run !== welcome.run;
      this.#run = welcome.run;
      this.#resume = { session: welcome.session, seq: welcome.seq };
      this.#heart = setInterval(() => this.#beat(), ALIVE_MS);
      this.#tell('welcome', { ...welcome, restarted });
      this.#tell('link', 'open');
      this.#beat();
    } catch {
      this.#socket?.close();
    }
  }

  /** A sign of life; a service that leaves it unanswered is not there any more, although its socket is. */
  #beat() {
    const socket = this.#socket;
    this.call('presence.alive', { audio_clock: this.#clock() }).catch((error) => {
      if (error.kind === 'timeout' && socket === this.#socket) this.#abandon();
    });
  }

  call(method, params = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new RpcError('offline'));
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve, reject) => {
      const patience = { 'media.offer': ANSWER_MS * 6, 'presence.alive': LATE_MS }[method] ?? ANSWER_MS;
      const late = setTimeout(() => this.#settle(id, new RpcError('timeout')), patience);
      this.#waiting.set(id, { resolve, reject, late });
    });
  }

  #settle(id, error, result) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.late);
    if (error) waiting.reject(error);
    else waiting.resolve(result);
  }

  #receive(data) {
    const message = JSON.parse(data);
    if (!('method' in message)) {
      this.#settle(message.id, message.error && new RpcError(message.error.data?.kind ?? 'our-error'), message.result);
      return;
    }
    if (message.method === 'call.state' && message.params.seq) {
      this.seq = Math.max(this.seq, message.params.seq);
      if (this.#resume) this.#resume.seq = this.seq;
    }
    if (message.method === 'session.replaced') this.#closed = true;
    this.#tell(message.method, message.params);
  }

  /** Nothing comes back: this try is over, the socket is left to itself. */
  #abandon() {
    this.#turn += 1;
    const socket = this.#socket;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.#cleared();
    this.#later('silent');
  }

  #cleared() {
    clearInterval(this.#heart);
    clearTimeout(this.#patience);
    this.#socket = null;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, new RpcError('offline'));
  }

  #lost() {
    this.#cleared();
    if (this.#closed) this.#tell('link', 'replaced');
    else this.#later('lost');
  }

  #later(link) {
    this.#tell('link', link);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.open(true), backOff(this.#attempt++));
  }

  #retryNow() {
    if (this.#socket?.readyState === WebSocket.OPEN || this.#closed) return;
    if (this.#socket) this.#socket.onclose = null;
    this.#socket?.close();
    this.#socket = null;
    clearTimeout(this.#again);
    this.#attempt = 0;
    this.open();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
