"""What people prefer: prompts with options, the choices that annotators made among them, and how far these agree."""
