"""What causes what: patching, ablation, paths, circuits, steering."""
