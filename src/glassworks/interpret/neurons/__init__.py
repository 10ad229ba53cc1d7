"""Single neurons and learned directions: examples, effects, rules, sparse autoencoders."""
