"""Methods that learn layer by layer, or with other feedback than the gradient's, each a `torch.optim.Optimizer`."""
