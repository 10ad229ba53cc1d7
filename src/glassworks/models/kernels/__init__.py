"""Loops that numba compiles, for what torch runs slowly on a CPU."""
