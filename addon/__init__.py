"""The add-on: decides who may call whom, what is recorded and what a card shows."""
