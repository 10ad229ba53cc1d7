"""Programs that nobody has read, run behind walls: what they return comes back as values, and is judged here.

`Sandbox` is what is used; `layers` says which walls there are on this machine. What runs inside (`server`, `child`,
`walls/`, `wire`) imports neither torch nor anything else that is not Python's own.
"""
