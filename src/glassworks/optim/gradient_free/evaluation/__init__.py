"""The ways in which a population is evaluated: all give the losses of a plain loop, to rounding."""
