"""Puts the product into a Google Cloud project, step by step, as often as one likes."""
