"""The walls, each by itself: limits, an identity without rights, namespaces, Landlock, a filter of system calls."""
