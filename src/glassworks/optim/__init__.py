"""Optimizers and schedules, each a `torch.optim.Optimizer` or a plain function."""
