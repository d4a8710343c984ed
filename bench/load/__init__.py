"""What puts load on the product from outside: peers, traffic, stamps."""
