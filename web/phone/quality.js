/** Call quality from statistics: pure. Thresholds: RTT 400 ms, jitter 30 ms, loss 3 % (3 of the last 5 samples); none when the last two lost all. */

const POOR = { rtt_ms: 400, jitter_ms: 30, loss_percent: 3 };
const FAIR = { rtt_ms: 250, jitter_ms: 20, loss_percent: 1 };
const WINDOW = 5;
const NEEDED = 3;
const NONE_PERCENT = 100;
const NONE_NEEDED = 2;

const over = (sample, limits) => Object.keys(limits).some((name) => sample[name] > limits[name]);

/** `samples`: newest last. Gives good, fair, poor or none; empty when nothing was measured. */
export function quality(samples) {
  if (!samples.length) return '';
  const newest = samples.slice(-NONE_NEEDED);
  if (newest.length === NONE_NEEDED && newest.every((sample) => sample.loss_percent === NONE_PERCENT)) return 'none';
  const last = samples.slice(-WINDOW);
  const needed = Math.min(NEEDED, Math.max(1, last.length));
  const count = (limits) => last.filter((sample) => over(sample, limits)).length;
  if (count(POOR) >= needed) return 'poor';
  return count(FAIR) >= needed ? 'fair' : 'good';
}

/** One sample from two consecutive readings of an inbound stream that ought to bring sound: no packet at all is a loss of 100 %. */
export function sample(before, now) {
  const received = now.packetsReceived - before.packetsReceived;
  const lost = Math.max(0, now.packetsLost - before.packetsLost);
  const total = received + lost;
  return {
    rtt_ms: Math.round(now.rtt_s * 1000),
    jitter_ms: Math.round(now.jitter_s * 1000),
    loss_percent: received > 0 ? Math.round((lost / total) * 1000) / 10 : NONE_PERCENT,
  };
}
