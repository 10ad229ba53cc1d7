"""Which pixels an answer rests on: gradients, class activation maps, and what shows such maps wrong."""
