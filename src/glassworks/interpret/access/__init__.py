"""Access to any module: points, hooks, streams of activations. No model of ours is imported here."""
