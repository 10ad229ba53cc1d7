"""How training images are changed each time they are seen: what a recipe says. `changes` does it."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Augmentation:
    """What may be done to an image before it is learnt from; 0 is nothing. Every example draws for itself."""

    crop: int = 0
    """Pixels of black around the image, of which a piece of its own size is cut out anywhere."""
    flip: bool = False
    """Mirror every other image, left to right."""
    shift: float = 0.0
    """Move it by up to this share of its sides, in each direction."""
    turn: float = 0.0
    """Turn it by up to so many degrees, either way."""
    scale: float = 0.0
    """Make it larger or smaller by up to this share: 0.1 is from 1 / 1.1 to 1.1 times."""
    mixup: float = 0.0
    """Mix it with another image of the batch, in shares from a Beta distribution with this parameter; 0.2 is usual."""
    cutout: int = 0
    """Black out a square of so many pixels, anywhere."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{field.name} (={value}) must be 0 (off) or more")
        if self.shift > 1:
            raise ValueError(f"shift (={self.shift}) is a share of the image's sides: it must be at most 1")
        if self.turn > 180:
            raise ValueError(f"turn (={self.turn}) is in degrees: it must be at most 180")

    @property
    def moves(self) -> bool:
        """Whether images are shifted, turned or scaled, which needs pixels between pixels."""
        return bool(self.shift or self.turn or self.scale)

    @property
    def changes_pixels(self) -> bool:
        """Whether there is more than mixup, which is for tables, too."""
        return bool(self.crop or self.flip or self.cutout or self.moves)
