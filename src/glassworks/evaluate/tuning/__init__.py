"""What a tuning has gained on its examples, and what the model forgot of the text before."""
