"""How the weights of any module are drawn: by scheme, in place; what a scheme does to signals is `interpret`'s."""
