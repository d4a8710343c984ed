"""Call control: one module per feature."""
