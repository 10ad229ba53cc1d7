"""What completions are worth: any callable (prompts, completions) to (B,), those that ship, and what asks them."""
