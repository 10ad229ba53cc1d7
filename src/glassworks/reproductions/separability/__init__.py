"""How wide a random layer must be to make two sets linearly separable, decided by linear program."""
