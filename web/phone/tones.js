/** Ring and key tones from oscillators (ITU-T E.180, Q.23); the context is also the heartbeat's clock. */

const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477];
const KEYS = '123456789*0#';

export class Tones {
  #context = null; #ring = null;

  get context() {
    this.#context ??= new AudioContext();
    return this.#context;
  }

  clock() {
    return this.context.currentTime;
  }

  wake() {
    return this.context.resume().catch(() => {});
  }

  #sound(frequencies, volume, destination = this.context.destination) {
    const gain = this.context.createGain();
    gain.gain.value = volume;
    gain.connect(destination);
    const sources = frequencies.map((frequency) => {
      const source = new OscillatorNode(this.context, { frequency });
      source.connect(gain);
      source.start();
      return source;
    });
    return { gain, stop: (at) => sources.forEach((source) => source.stop(at)) };
  }

  key(digit) {
    const index = KEYS.indexOf(digit);
    if (index < 0) return;
    this.wake();
    this.#sound([LOW[Math.floor(index / 3)], HIGH[index % 3]], 0.06).stop(this.context.currentTime + 0.12);
  }

  /** Rings until `stopRing`: one second on, two off, on `element` so that it follows the ringer device. */
  startRing(element) {
    if (this.#ring) return;
    this.wake();
    const out = this.context.createMediaStreamDestination();
    element.srcObject = out.stream;
    element.play().catch(() => {});
    const sound = this.#sound([440, 480], 0, out);
    const cadence = () => {
      const now = this.context.currentTime;
      sound.gain.gain.setTargetAtTime(0.25, now, 0.02);
      sound.gain.gain.setTargetAtTime(0, now + 1, 0.02);
    };
    cadence();
    this.#ring = { sound, element, every: setInterval(cadence, 3000) };
  }

  stopRing() {
    if (!this.#ring) return;
    clearInterval(this.#ring.every);
    this.#ring.sound.stop();
    this.#ring.element.srcObject = null;
    this.#ring = null;
  }
}
