"""Text to token ids and back: tokenizers made, opened, named, and how their tokens are shown."""
