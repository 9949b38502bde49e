"""How patient a reader of an address is, and what each answer means; the server and the clock are played."""

from __future__ import annotations

import email.message
import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log import address
from stembus.audit.log.address import Address

PLACE = "https://files.example.org/log"


class Clock:
    """`time`, as the module sees it: sleeping takes no time here."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Answer(io.BytesIO):
    """A response whose pieces each take `seconds`; it comes in chunks unless its length is stated."""

    status = 200

    def __init__(self, data: bytes, length: str | None = None, clock: Clock | None = None, seconds: float = 0) -> None:
        super().__init__(data)
        self.headers = email.message.Message()
        if length is not None:
            self.headers["Content-Length"] = length
        self.chunked = length not in ("3", "4", "5", "12")
        self._clock, self._seconds = clock, seconds

    def read1(self, size: int | None = -1, /) -> bytes:
        piece = super().read1(size)
        if piece and self._clock:
            self._clock.now += self._seconds
        return piece


Made = Callable[[], Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(address, "time", made)
    return made


def reader(*answers: Made | Exception, place: str = PLACE) -> tuple[Address, list[str]]:
    """An address that gives these answers one after the other, and the URLs that were asked for."""
    asked: list[str] = []
    remaining: Iterator[Made | Exception] = iter(answers)

    class Opener:
        def open(self, request: urllib.request.Request, timeout: float) -> Any:
            assert timeout == 30
            asked.append(request.full_url)
            answer = next(remaining)
            if isinstance(answer, Exception):
                raise answer
            return answer()

    made = Address(place)
    made._opener = Opener()  # type: ignore[assignment]
    return made, asked


def refusal(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(PLACE, code, "so", email.message.Message(), io.BytesIO())


@pytest.mark.parametrize("place", [PLACE, PLACE + "/", PLACE + "//"])
def test_a_file_is_read_below_the_address(place: str, clock: Clock) -> None:
    made, asked = reader(lambda: Answer(b"data", "4"), place=place)
    assert made.read("tile/0/000", 10) == b"data"
    assert asked == [f"{PLACE}/tile/0/000"]
    assert clock.slept == []


@pytest.mark.parametrize("code", [404, 410])
def test_only_two_answers_say_that_a_file_is_missing(code: int, clock: Clock) -> None:
    made, asked = reader(refusal(code))
    with pytest.raises(FileMissing):
        made.read("file", 10)
    assert len(asked) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 405, 409, 411, 418, 426, 430, 451, 499])
def test_another_refusal_says_nothing_about_the_log_and_is_final(code: int, clock: Clock) -> None:
    made, asked = reader(refusal(code))
    with pytest.raises(CannotRead, match=f"{code} so"):
        made.read("file", 10)
    assert len(asked) == 1


PASSING: list[Exception] = [
    *(refusal(code) for code in (408, 425, 429, 500, 502, 503, 599)),
    urllib.error.URLError("no route"),
    TimeoutError(),
    ConnectionResetError(),
    ValueError(),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: str(getattr(error, "code", type(error).__name__)))
def test_what_may_pass_is_tried_four_times(error: Exception, clock: Clock) -> None:
    made, asked = reader(error, error, error, lambda: Answer(b"data"))
    assert made.read("file", 10) == b"data"
    assert clock.slept == [0.5, 2, 5]
    made, asked = reader(*[error] * 5)
    with pytest.raises(CannotRead):
        made.read("file", 10)
    assert len(asked) == 4


def test_what_an_attempt_left_behind_is_not_in_the_file(clock: Clock) -> None:
    made, _ = reader(lambda: Answer(b"half of it", "12"), lambda: Answer(b"whole", "5"))
    assert made.read("file", 20) == b"whole"


@pytest.mark.parametrize(("lasts", "attempts"), [(119.4, 2), (119.5, 2), (119.6, 1), (117.5, 2)])
def test_the_patience_is_that_for_all_files_together(lasts: float, attempts: int, clock: Clock) -> None:
    """An attempt of so many seconds fails; after 120 seconds in all, the waits among them, nothing is tried again."""

    def slow() -> Any:
        clock.now += lasts
        raise ConnectionResetError

    made, asked = reader(slow, lambda: Answer(b"data"))
    if attempts == 1:
        with pytest.raises(CannotRead):
            made.read("file", 10)
    else:
        assert made.read("file", 10) == b"data"
    assert len(asked) == attempts


def test_what_was_lost_on_one_file_is_missing_for_the_next(clock: Clock) -> None:
    def slow() -> Any:
        clock.now += 58
        raise ConnectionResetError

    good = lambda: Answer(b"data")  # noqa: E731
    made, asked = reader(slow, good, slow, good, slow)
    for _ in range(2):
        assert made.read("file", 10) == b"data"
    with pytest.raises(CannotRead):
        made.read("file", 10)
    assert len(asked) == 5


# One transfer


@pytest.mark.parametrize("length", ["4", None, "x", "-4", "٤"])
def test_a_file_has_at_most_its_bound(length: str | None, clock: Clock) -> None:
    made, _ = reader(lambda: Answer(b"data", length))
    assert made.read("file", 4) == b"data"
    made, _ = reader(lambda: Answer(b"data", length))
    with pytest.raises(FileTooLong):
        made.read("file", 3)


def test_a_length_above_the_bound_is_refused_before_the_transfer(clock: Clock) -> None:
    answer = Answer(b"data", "5")
    made, _ = reader(lambda: answer)
    with pytest.raises(FileTooLong):
        made.read("file", 4)


@pytest.mark.parametrize("length", ["3", "5"])
def test_a_file_of_another_length_than_stated_did_not_come_whole(length: str, clock: Clock) -> None:
    made, asked = reader(*[lambda: Answer(b"data", length)] * 4)
    with pytest.raises(CannotRead, match=f"4 of {length} bytes"):
        made.read("file", 10)
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("pieces", "seconds", "good"), [(1, 66.5, True), (1, 66.6, False), (3, 26.5, True), (3, 26.6, False)]
)
def test_a_transfer_below_10_kb_a_second_is_given_up_after_a_minute(
    pieces: int, seconds: float, good: bool, clock: Clock
) -> None:
    """Pieces have 65,536 bytes, so that each may take 6.55 seconds beside the minute that all have together."""
    data = bytes(65_536 * pieces)
    made, _ = reader(*[lambda: Answer(data, None, clock, seconds)] * 4)
    if good:
        assert made.read("file", len(data)) == data
    else:
        with pytest.raises(CannotRead, match="too slowly"):
            made.read("file", len(data))


def test_a_file_whose_end_nobody_can_tell_is_none(clock: Clock) -> None:
    answer = Answer(b"data")
    answer.chunked = False
    made, asked = reader(lambda: answer)
    with pytest.raises(CannotRead, match="without its length"):
        made.read("file", 10)
    assert len(asked) == 1


# Redirects


@pytest.mark.parametrize(
    ("old", "new", "followed"),
    [
        ("https://a.example.org/x", "https://a.example.org/y", True),
        ("http://a.example.org/x", "http://a.example.org/y", True),
        ("http://a.example.org/x", "https://a.example.org/x", True),
        ("http://a.example.org:8080/x", "https://a.example.org/x", True),
        ("https://a.example.org/x", "http://a.example.org/x", False),
        ("https://a.example.org/x", "https://b.example.org/x", False),
        ("http://a.example.org/x", "https://b.example.org/x", False),
        ("https://a.example.org/x", "https://a.example.org:444/x", False),
        ("http://a.example.org/x", "ftp://a.example.org/x", False),
    ],
)
def test_a_redirect_leads_to_the_same_host_and_never_back_to_plain_http(old: str, new: str, followed: bool) -> None:
    handler = address._SameHost()
    arguments = (urllib.request.Request(old), io.BytesIO(), 302, "Found", email.message.Message(), new)
    if followed:
        request = handler.redirect_request(*arguments)
        assert request is not None
        assert request.full_url == new
    else:
        with pytest.raises(CannotRead, match="leads to another host"):
            handler.redirect_request(*arguments)
