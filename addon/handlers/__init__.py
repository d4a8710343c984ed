"""Translate a request into use cases and cards."""
