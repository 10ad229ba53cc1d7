"""makemore: Zero to Hero's networks on a list of names."""
