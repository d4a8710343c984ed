"""Every effect that a card, page, API or job can cause."""
