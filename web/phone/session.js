/** Turns the ticket in the address into a session, once, and takes it out of the address; `go` dials at once. */
import { me, post } from '../common/api.js';

export async function openSession() {
  const address = new URL(location.href);
  const ticket = address.searchParams.get('ticket');
  let dial = address.searchParams.get('to') ?? '';
  let go = false;
  if (ticket) {
    history.replaceState(null, '', address.pathname);
    try {
      const opened = await post('/session', { ticket });
      go = Boolean(opened.dial);
      dial = opened.dial || dial;
    } catch (error) {
      if (error.status === 0) throw error;
    }
  }
  return { user: await me(), dial, go };
}
