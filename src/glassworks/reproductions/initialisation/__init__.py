"""What comes of how weights are drawn: the lecture's chain of fixes, and the depth at which each scheme stops."""
