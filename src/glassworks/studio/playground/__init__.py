"""The playground: points in a plane, a small network, and its training a step at a time, as a link describes them."""
