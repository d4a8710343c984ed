/** Microphone, PeerConnection and loudspeaker of one window; reconnect means a new PeerConnection. */
import { quality, sample } from './quality.js';

const GATHER_MS = 1000;
const STATS_MS = 2000;
const KEPT = 'ctc.devices';

export class Media extends EventTarget {
  #line; #audio; #tones; #expects; #mic = null; #meter = null; #peers = new Map(); #asked = new Map(); #heard = '';

  /** `expects(call)`: whether sound ought to arrive now: the call is up and neither side holds it. */
  constructor(line, audio, ringer, tones, expects) {
    super();
    this.#expects = expects;
    this.#line = line;
    this.#audio = audio;
    this.ringer = ringer;
    this.#tones = tones;
    this.chosen = { mic: '', speaker: '', ringer: '', ...JSON.parse(localStorage.getItem(KEPT) ?? '{}') };
    navigator.mediaDevices?.addEventListener('devicechange', () => this.list());
    navigator.connection?.addEventListener?.('change', () => this.#renewAll());
    addEventListener('online', () => this.#renewAll());
    this.#apply();
  }

  async list() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId).map(({ deviceId, label }) => ({ id: deviceId, label }));
    const devices = { mic: of('audioinput'), speaker: of('audiooutput'), ringer: of('audiooutput') };
    this.#tell('devices', devices);
    return devices;
  }

  async choose(kind, id) {
    this.chosen = { ...this.chosen, [kind]: id };
    localStorage.setItem(KEPT, JSON.stringify(this.chosen));
    if (kind === 'mic') await this.#switchMic();
    else await this.#apply();
  }

  async #apply() {
    await this.#audio.setSinkId?.(this.chosen.speaker).catch(() => {});
    await this.ringer.setSinkId?.(this.chosen.ringer).catch(() => {});
  }

  async #open() {
    const id = this.chosen.mic;
    const wish = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: id ? { ...wish, deviceId: { exact: id } } : wish });
    } catch (error) {
      if (id && error.name === 'OverconstrainedError') return navigator.mediaDevices.getUserMedia({ audio: wish });
      throw error;
    }
  }

  /** The microphone's track, asked for once. */
  async mic() {
    if (this.#mic?.readyState === 'live') return this.#mic;
    try {
      this.#mic = (await this.#open()).getAudioTracks()[0];
    } catch (error) {
      this.#tell('refused', error.name);
      throw error;
    }
    this.#tell('refused', '');
    this.#watchLevel();
    this.list();
    return this.#mic;
  }

  async #switchMic() {
    const before = this.#mic;
    if (!before) return;
    this.#mic = (await this.#open()).getAudioTracks()[0];
    this.#mic.enabled = before.enabled;
    for (const peer of this.#peers.values()) await peer.sender.replaceTrack(this.#mic);
    before.stop();
    this.#watchLevel();
  }

  #watchLevel() {
    clearInterval(this.#meter?.timer);
    this.#meter?.source.disconnect();
    const analyser = this.#tones.context.createAnalyser();
    analyser.fftSize = 512;
    const source = this.#tones.context.createMediaStreamSource(new MediaStream([this.#mic]));
    source.connect(analyser);
    const wave = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(wave);
      const power = Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length);
      this.#tell('level', Math.max(0, Math.min(10, Math.round(10 + Math.log10(power + 1e-6) * 5))));
    }, 250);
    this.#meter = { source, timer };
  }

  /** Mutes at once, before the server knows. */
  mute(muted) {
    if (this.#mic) this.#mic.enabled = !muted;
  }

  /** Whether a microphone is open and not muted. */
  get listening() {
    return Boolean(this.#mic?.enabled);
  }

  release() {
    if (this.#peers.size) return;
    clearInterval(this.#meter?.timer);
    this.#meter?.source.disconnect();
    this.#meter = null;
    this.#mic?.stop();
    this.#mic = null;
    this.#tell('level', 0);
  }

  has(call) {
    return this.#peers.has(call) || this.#asked.has(call);
  }

  /** Gives a call its audio; a newer `round` of the server overtakes an offer that is under way. */
  async connect(call, reason, round = 0) {
    if (this.#asked.has(call) && this.#asked.get(call).round >= round) return;
    const token = { round };
    this.#asked.set(call, token);
    this.#drop(call);
    let made = null;
    try {
      const track = await this.mic();
      if (this.#asked.get(call) !== token) return;
      made = new RTCPeerConnection({ iceServers: [] });
      const { sender } = made.addTransceiver(track, { direction: 'sendrecv' });
      this.#peers.set(call, { connection: made, sender, samples: [], before: null, expected: false, timer: 0 });
      made.ontrack = (event) => this.#arrived(call, event);
      await made.setLocalDescription();
      await gathered(made);
      const { sdp } = await this.#line.call('media.offer', { call, sdp: made.localDescription.sdp, reason });
      if (made.signalingState === 'closed' || this.#asked.get(call) !== token) return;
      await made.setRemoteDescription({ type: 'answer', sdp });
      this.#tell('quality', { call, quality: '' });
      this.#watch(call, made);
    } catch (error) {
      if (this.#peers.get(call)?.connection === made) this.#drop(call);
      const current = this.#asked.get(call) === token;
      if (current && error.kind !== 'offline' && error.name !== 'InvalidStateError') this.#tell('failed', { call, error });
    } finally {
      if (this.#asked.get(call) === token) this.#asked.delete(call);
    }
  }

  #arrived(call, event) {
    const peer = this.#peers.get(call);
    if (peer) peer.stream = event.streams[0] ?? new MediaStream([event.track]);
    if (!this.#heard || !this.#peers.has(this.#heard) || call === this.#heard) this.hear(call);
  }

  /** Of several calls one is heard. */
  hear(call) {
    this.#heard = call;
    const stream = this.#peers.get(call)?.stream;
    if (!stream || this.#audio.srcObject === stream) return;
    this.#audio.srcObject = stream;
    this.#audio.play().catch(() => {});
  }

  #watch(call, connection) {
    const peer = this.#peers.get(call);
    connection.onconnectionstatechange = () => {
      if (!['disconnected', 'failed'].includes(connection.connectionState)) return;
      this.#tell('quality', { call, quality: this.#expects(call) ? 'none' : '' });
      this.connect(call, 'reconnect');
    };
    peer.timer = setInterval(() => this.#measure(call, peer), STATS_MS);
  }

  async #measure(call, peer) {
    const now = { rtt_s: 0, jitter_s: 0, packetsReceived: 0, packetsLost: 0 };
    for (const item of (await peer.connection.getStats()).values()) {
      if (item.type === 'inbound-rtp') Object.assign(now, { jitter_s: item.jitter ?? 0, packetsReceived: item.packetsReceived, packetsLost: item.packetsLost });
      if (item.type === 'candidate-pair' && item.nominated) now.rtt_s = item.currentRoundTripTime ?? 0;
    }
    const expected = this.#expects(call);
    const arrived = peer.before && now.packetsReceived > peer.before.packetsReceived;
    if (peer.before && (arrived || (expected && peer.expected))) this.measured(call, sample(peer.before, now));
    else if (!expected) this.#unmeasured(call, peer);
    Object.assign(peer, { before: now, expected });
  }

  /** Takes one sample of a call's quality. */
  measured(call, taken) {
    const peer = this.#peers.get(call);
    if (!peer) return;
    peer.samples = [...peer.samples.slice(-9), taken];
    this.#tell('quality', { call, quality: quality(peer.samples) });
    this.#line.call('media.stats', { call, ...taken }).catch(() => {});
  }

  /** Nothing arrives and nothing has to: no claim is made. */
  #unmeasured(call, peer) {
    peer.samples = [];
    this.#tell('quality', { call, quality: '' });
  }

  #renewAll() {
    for (const call of [...this.#peers.keys()]) this.connect(call, 'reconnect');
  }

  #drop(call) {
    const peer = this.#peers.get(call);
    if (!peer) return;
    clearInterval(peer.timer);
    peer.connection.onconnectionstatechange = null;
    peer.connection.close();
    this.#peers.delete(call);
  }

  end(call) {
    this.#asked.delete(call);
    this.#drop(call);
    if (!this.#peers.size) this.#audio.srcObject = null;
    this.release();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function gathered(connection) {
  if (connection.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((done) => {
    setTimeout(done, GATHER_MS);
    connection.addEventListener('icegatheringstatechange', () => connection.iceGatheringState === 'complete' && done());
  });
}
