"""Examples to tune a language model on: texts, prompts with completions, conversations, preferences."""
