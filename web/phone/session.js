/** Turns the ticket in the address into a session, once, and takes it out of the address; `go` dials at once. */
import { me, patient, spend } from '../common/api.js';

const address = new URL(location.href);
const ticket = address.searchParams.get('ticket');
let dial = address.searchParams.get('to') ?? '';
let go = false;
let redeeming = null;

async function redeem() {
  try {
    const opened = await spend('/session', { ticket });
    go = Boolean(opened.dial);
    dial = opened.dial || dial;
  } catch (error) {
    if (error.status !== 0) return;
    redeeming = null;
    throw error;
  }
}

/** May be called again after it failed: a ticket that is under way is waited for, not spent twice. */
export async function openSession() {
  if (ticket) {
    history.replaceState(null, '', address.pathname);
    redeeming ??= redeem();
    await patient(redeeming);
  }
  return { user: await me(), dial, go };
}
