"""What of a text a tokenizer loses: what is decoded is not always what was encoded.

A word that becomes [UNK], capitals made small, spaces and characters that a normalizer folds: they cost the model
nothing, so that its bits per byte would be those of another, easier text.
"""

from collections import Counter


def lost_bytes(text: str, decoded: str) -> int:
    """UTF-8 bytes of the characters of a text that are not among those of what came back; 0 only if the texts are one.

    >>> lost_bytes("The dog", "the dog")
    1
    """
    if decoded == text:
        return 0
    gone = Counter(text) - Counter(decoded)
    return max(1, sum(count * len(character.encode()) for character, count in gone.items()))
