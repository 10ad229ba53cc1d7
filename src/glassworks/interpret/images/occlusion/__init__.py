"""What a network of images says as a square covers one place after another, computed no further than it reaches."""
