"""What `choose` is called with, and what it prints."""
