"""Protocols of everything outside, and their errors."""
