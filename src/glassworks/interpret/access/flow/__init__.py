"""What a forward pass of any module computes, call by call, with every number that takes part."""
