"""The product on a laptop without Google."""
