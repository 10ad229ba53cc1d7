"""How good an agent is: returns of whole episodes, with their interval, beside chance and a rule."""
