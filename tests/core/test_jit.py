import numba.core.caching

from glassworks.core.jit import compiled


def plus_one(x: int) -> int:
    return x + 1


def test_without_a_folder_for_the_cache_it_is_compiled_all_the_same(monkeypatch) -> None:
    assert compiled(plus_one)(1) == 2
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiled(plus_one)(2) == 3
