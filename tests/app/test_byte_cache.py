"""Answers kept for the next who asks."""

from app.core.byte_cache import ByteCache, Rendered


def answer(size: int) -> Rendered:
    return Rendered(b"x" * size, f'"{size}"')


def test_what_was_used_last_is_kept() -> None:
    cache = ByteCache(80)
    for name in "abcdefgh":
        cache.put(name, answer(10))
    assert cache.get("a") == answer(10)
    cache.put("i", answer(10))
    assert cache.get("b") is None
    assert all(cache.get(name) is not None for name in "acdefghi")


def test_replacing_counts_once() -> None:
    cache = ByteCache(80)
    for _ in range(20):
        cache.put("a", answer(10))
    for name in "bcdefgh":
        cache.put(name, answer(10))
    assert cache.get("a") is not None


def test_a_large_answer_drives_none_out() -> None:
    cache = ByteCache(80)
    cache.put("a", answer(10))
    cache.put("b", answer(11))
    assert cache.get("a") is not None
    assert cache.get("b") is None


def test_no_room_keeps_nothing() -> None:
    cache = ByteCache(0)
    cache.put("a", answer(1))
    assert cache.get("a") is None
