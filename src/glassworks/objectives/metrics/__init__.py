"""How good predictions are: pure functions of NumPy arrays."""
