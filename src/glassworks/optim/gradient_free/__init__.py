"""Methods that move weights by losses alone, each a `torch.optim.Optimizer` stepped by `step(closure)`."""
