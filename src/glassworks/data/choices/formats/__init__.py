"""Files of choices: TRL's preference and unpaired formats, Anthropic's helpful-harmless, and all of a store."""
