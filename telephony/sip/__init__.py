"""SIP without I/O, and its sockets in transport."""
