"""What can be read off representations, and how alike they are."""
