"""Networks as pages open them: of a run at any of its checkpoints, kept open, and what each tells of itself."""
