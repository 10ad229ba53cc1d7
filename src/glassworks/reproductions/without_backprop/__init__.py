"""Learning without backpropagation: every method at equal cost, and where each stops working."""
