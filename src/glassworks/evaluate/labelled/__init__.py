"""How good a network is on labelled data: figures with intervals, beside what it must beat."""
