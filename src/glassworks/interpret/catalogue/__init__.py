"""What `look` offers: every method by name, and what it is tried on."""
