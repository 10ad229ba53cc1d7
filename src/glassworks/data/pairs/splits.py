"""Which pairs are held out, by a hash of what they are: a group is in one split, however often and wherever it is."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from glassworks.core.progress import counted
from glassworks.data.pairs.pair import Pair

SPLITS = ("train", "validation", "test")


@dataclass
class Splitter:
    """Deals pairs to splits, and counts those that it leaves out: with an empty side, or there already."""

    validation: float
    test: float
    left_out: Counter[str] = field(default_factory=Counter)

    def __call__(self, pairs: Iterable[Pair]) -> Iterator[tuple[str, Pair]]:
        """Each pair with its split; each once."""
        seen = set[bytes]()
        for pair in pairs:
            pair = Pair(pair.source.strip(), pair.target.strip(), pair.group)
            if not pair.source or not pair.target:
                self.left_out["with an empty side"] += 1
                continue
            key = blake2b(f"{pair.source}\0{pair.target}".encode(errors="surrogatepass"), digest_size=12).digest()
            if key in seen:
                self.left_out["there already"] += 1
                continue
            seen.add(key)
            yield self.split_of(pair.group), pair

    def split_of(self, group: str) -> str:
        """The split of a group."""
        digest = blake2b(group.encode(errors="surrogatepass"), digest_size=8).digest()
        share = int.from_bytes(digest) / 2**64
        return "test" if share < self.test else "validation" if share < self.test + self.validation else "train"

    def notes(self) -> list[str]:
        """What was left out, a sentence each."""
        return [f"{counted(number, 'pair')} left out: {why}" for why, number in self.left_out.items()]
