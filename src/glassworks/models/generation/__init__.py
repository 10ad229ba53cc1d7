"""Generation of tokens and text from a GPT."""
