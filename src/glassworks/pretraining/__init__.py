"""Pre-training: text to a GPT, by a recipe."""
