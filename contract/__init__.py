"""The vocabulary that both programs share; standard library only."""
