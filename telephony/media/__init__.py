"""RTP, tones, spool and the forwarding plane."""
