"""The records of losses, a file a family."""
