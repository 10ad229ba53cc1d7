"""How good translations are: BLEU and exact match with intervals, beside rivals on the same pairs."""
