"""Card language: values in, Card JSON out."""
