"""Networks as plain `torch.nn.Module`s, their files, and sampling from them."""
