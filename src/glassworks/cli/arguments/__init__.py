"""What follows a command, made a dataclass: its flags, its help, and mistakes in it."""
