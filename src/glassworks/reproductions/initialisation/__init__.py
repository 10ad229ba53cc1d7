"""How weights are drawn, and what of it: the lecture's chain of fixes, and the depth at which each scheme stops."""
