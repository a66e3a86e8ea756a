"""Answers kept for the next who asks."""

from app.core.byte_cache import ENTRY_BYTES, Asked, ByteCache, Rendered
from app.core.freshness import FRESH_S


def asked(name: str, tenant: str = "one") -> Asked:
    return Asked(tenant, f"/{name}", b"", b"")


def answer(size: int) -> Rendered:
    return Rendered(b"x" * size, {"etag": f'"{size}"'}, "/{name}")


class Cache(ByteCache):
    """One whose clock stands still until it is told otherwise, with room for some answers of 10
    bytes."""

    def __init__(self, answers: int) -> None:
        self.time = 0.0
        one = ENTRY_BYTES + len("/a") + 10
        super().__init__(answers * one, clock=lambda: self.time)

    def keep(self, name: str, size: int) -> None:
        self.put(asked(name), answer(size), self.now())


def test_what_was_used_last_is_kept() -> None:
    cache = Cache(8)
    for name in "abcdefgh":
        cache.keep(name, 10)
    assert cache.get(asked("a")) == answer(10)
    cache.keep("i", 10)
    assert cache.get(asked("b")) is None
    assert all(cache.get(asked(name)) is not None for name in "acdefghi")


def test_replacing_counts_once() -> None:
    cache = Cache(8)
    for _ in range(20):
        cache.keep("a", 10)
    for name in "bcdefgh":
        cache.keep(name, 10)
    assert cache.get(asked("a")) is not None


def test_a_large_answer_drives_none_out() -> None:
    cache = Cache(8)
    cache.keep("a", 10)
    cache.keep("b", 2 * ENTRY_BYTES)
    assert cache.get(asked("a")) is not None
    assert cache.get(asked("b")) is None


def test_no_room_keeps_nothing() -> None:
    cache = Cache(0)
    cache.keep("a", 1)
    assert cache.get(asked("a")) is None


def test_an_answer_is_fresh_for_a_second_after_it_was_confirmed() -> None:
    cache = Cache(8)
    cache.keep("a", 10)
    assert cache.fresh(asked("a")) is not None
    cache.time = FRESH_S + 0.1
    assert cache.fresh(asked("a")) is None
    assert cache.get(asked("a")) is not None
    cache.confirm(asked("a"), cache.now())
    assert cache.fresh(asked("a")) is not None


def test_one_looks_again_before_the_others_have_to() -> None:
    cache = Cache(8)
    cache.keep("a", 10)
    cache.time = 0.8 * FRESH_S
    assert [cache.fresh(asked("a")) is not None for _ in range(4)] == [False, True, True, True]
    cache.confirm(asked("a"), cache.now())
    cache.time = 1.2 * FRESH_S
    assert cache.fresh(asked("a")) is not None
    cache.time = 2.5 * FRESH_S  # nobody confirmed it
    assert [cache.fresh(asked("a")) is not None for _ in range(2)] == [False, False]


def test_what_was_found_to_be_gone_is_not_shown_again() -> None:
    cache = Cache(8)
    cache.keep("a", 10)
    cache.time = 0.8 * FRESH_S
    assert cache.fresh(asked("a")) is None
    began = cache.now()
    cache.drop(asked("a"))
    assert cache.fresh(asked("a")) is None
    cache.put(asked("a"), answer(10), began)  # read before it was found to be gone
    assert cache.fresh(asked("a")) is None


def test_what_is_deleted_is_gone_in_every_form_and_for_its_tenant_alone() -> None:
    cache = Cache(8)
    for tenant in ("one", "two"):
        for query in (b"", b"format=csv"):
            cache.put(Asked(tenant, "/a", query, b""), answer(10), cache.now())
    cache.forget("one", "/a")
    left = [Asked(t, "/a", q, b"") for t in ("one", "two") for q in (b"", b"format=csv")]
    assert [cache.get(key) is not None for key in left] == [False, False, True, True]
    cache.confirm(left[0], cache.now())
    assert cache.fresh(left[0]) is None


def test_an_answer_that_a_deletion_overtook_is_not_kept() -> None:
    cache = Cache(8)
    began = cache.now()
    cache.time = 0.1
    cache.forget("one", "/a")
    cache.time = 0.2
    cache.put(asked("a"), answer(10), began)
    assert cache.get(asked("a")) is None
    cache.put(asked("a"), answer(10), cache.now())
    assert cache.get(asked("a")) is not None


def test_answers_without_a_byte_take_room_too() -> None:
    cache = Cache(8)
    for number in range(100):
        cache.keep(f"{number:09}", 0)
    assert sum(cache.get(asked(f"{number:09}")) is not None for number in range(100)) == 8


def test_long_requests_are_not_kept() -> None:
    scope = {"method": "GET", "path": "/a", "query_string": b"", "headers": []}
    assert Asked.of(scope, "one") == asked("a")
    assert Asked.of(scope | {"headers": [(b"accept", b"a/b," * 200)]}, "one") is None
    assert Asked.of(scope | {"query_string": b"x" * 3000}, "one") is None
