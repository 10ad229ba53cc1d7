"""Small parts that are trained in the place of a whole model: LoRA and its kin, and virtual tokens."""
