"""Renders the deployment resource from cards.surface."""
