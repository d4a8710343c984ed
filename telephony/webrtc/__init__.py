"""The browser's leg."""
