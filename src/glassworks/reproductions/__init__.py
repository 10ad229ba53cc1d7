"""Published results repeated, one a file: `run(...) -> Finding`, the source's figure beside ours."""

REPRODUCTIONS = {
    "makemore": "next-character models from a bigram to a WaveNet-style tree (Karpathy's Zero to Hero, lectures 2-6)",
    "othello": "a GPT that reads Othello games keeps a board in its activations (Li et al. 2023, Nanda et al. 2023)",
    "induction": "two layers of attention alone learn to copy what they have seen, one does not (Olsson et al. 2022)",
    "deconvnet": "a first layer that sees badly, found and mended by looking at it (Zeiler & Fergus 2013)",
    "separability": "how wide a random layer must be to make two sets separable (Ghosal, Mahankali & Sun 2022)",
    "batchnorm": "batch norm helps by a smoother loss, not by steadier inputs of layers (Santurkar et al. 2018)",
    "without-backprop": "learning without backpropagation in every way, at equal cost (Malladi et al. 2023 and others)",
    "initialisation": "a chain of fixes, and the depth at which each scheme stops training (Schoenholz et al. 2017)",
    "rlhf": "from a base model to one that does what a person prefers, in one chain (Ouyang et al. 2022 and others)",
}
"""Name of the result to what it repeats, in one line."""
