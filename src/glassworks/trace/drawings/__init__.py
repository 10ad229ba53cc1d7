"""Drawings of single methods, and the table that says what each of them reads."""
