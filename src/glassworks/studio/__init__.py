"""Pages: the offline report."""
