"""Othello-GPT: a board inside a network that is shown nothing but moves."""
