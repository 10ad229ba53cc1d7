"""The loss as a function of the weights: along a step, over a plane, its curvature, its noise; signals in layers."""
