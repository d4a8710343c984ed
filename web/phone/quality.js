/** Call quality from statistics: pure. Thresholds: RTT 400 ms, jitter 30 ms, loss 3 % (3 of the last 5 samples). */

const POOR = { rtt_ms: 400, jitter_ms: 30, loss_percent: 3 };
const FAIR = { rtt_ms: 250, jitter_ms: 20, loss_percent: 1 };
const WINDOW = 5;
const NEEDED = 3;

const over = (sample, limits) => Object.keys(limits).some((name) => sample[name] > limits[name]);

/** `samples`: newest last. */
export function quality(samples) {
  const last = samples.slice(-WINDOW);
  const needed = Math.min(NEEDED, Math.max(1, last.length));
  const count = (limits) => last.filter((sample) => over(sample, limits)).length;
  if (count(POOR) >= needed) return 'poor';
  return count(FAIR) >= needed ? 'fair' : 'good';
}

/** One sample from two consecutive readings of the inbound stream. */
export function sample(before, now) {
  const received = now.packetsReceived - before.packetsReceived;
  const lost = Math.max(0, now.packetsLost - before.packetsLost);
  const total = received + lost;
  return {
    rtt_ms: Math.round(now.rtt_s * 1000),
    jitter_ms: Math.round(now.jitter_s * 1000),
    loss_percent: total > 0 ? Math.round((lost / total) * 1000) / 10 : 0,
  };
}
