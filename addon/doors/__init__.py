"""One module per kind of caller; each proves who calls."""
