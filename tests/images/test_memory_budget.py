"""Memory that decoders share: never more than there is, in the order of asking, and nobody waits for ever."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fusiondiff_audit.images.memory_budget import MemoryBudget


class Asking:
    """Threads that ask for a share, say when they have it, and hold it until they are told to give it back."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.order: list[str] = []
        self._release: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    def ask(self, name: str, size: int) -> None:
        """Start to ask; return once the request stands in the line, or is granted."""
        line, asked = self._budget._waiting, threading.Event()
        self._release[name] = threading.Event()
        before = len(line) + len(self.order)

        def hold() -> None:
            asked.set()
            with self._budget.share(size):
                self.order.append(name)
                assert self._release[name].wait(20)

        self._threads[name] = threading.Thread(target=hold, daemon=True)
        self._threads[name].start()
        assert asked.wait(20)
        self.until(lambda: len(line) + len(self.order) > before)

    def give_back(self, name: str) -> None:
        """Have a thread end."""
        self._release[name].set()
        self._threads[name].join(20)
        assert not self._threads[name].is_alive()

    def until(self, condition: object) -> None:
        """Wait for what other threads must do soon."""
        assert callable(condition)
        for _ in range(2000):
            if condition():
                return
            threading.Event().wait(0.01)
        raise AssertionError("it did not happen")


def test_a_large_file_waits_and_is_not_overtaken() -> None:
    asking = Asking(MemoryBudget(100))
    asking.ask("first", 60)
    asking.ask("large", 90)
    asking.ask("small", 10)  # would fit beside the first
    assert asking.order == ["first"]
    asking.give_back("first")
    asking.until(lambda: len(asking.order) == 3)
    assert asking.order == ["first", "large", "small"]
    asking.give_back("large")
    asking.give_back("small")


@pytest.mark.parametrize("size", [100, 1000])
def test_a_request_for_the_total_or_more_waits_for_all_others(size: int) -> None:
    asking = Asking(MemoryBudget(100))
    asking.ask("first", 1)
    asking.ask("huge", size)
    asking.ask("next", 1)
    asking.give_back("first")
    asking.until(lambda: asking.order == ["first", "huge"])
    asking.give_back("huge")
    asking.until(lambda: asking.order == ["first", "huge", "next"])
    asking.give_back("next")


def test_a_share_is_given_back_after_an_exception() -> None:
    budget = MemoryBudget(100)
    for _ in range(3):
        with pytest.raises(ValueError, match="a decoder"), budget.alone():
            raise ValueError("a decoder")
    with budget.share(100):
        pass


def test_an_interrupted_request_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = MemoryBudget(100)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with budget.share(100), monkeypatch.context() as patch:
        patch.setattr(budget._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), budget.share(1):
            raise AssertionError("nothing is free")
    with budget.share(100):  # neither the line nor what is free remembers it
        pass


def test_two_hundred_requests_of_eight_threads_stay_within_the_budget_and_end() -> None:
    budget, lock, held, most = MemoryBudget(100), threading.Lock(), [0], [0]
    rng = random.Random(33)
    sizes = [rng.choice((1, 10, 30, 60, 100, 150)) for _ in range(200)]

    def work(size: int) -> int:
        with budget.share(size):
            with lock:
                held[0] += min(size, 100)
                most[0] = max(most[0], held[0])
            threading.Event().wait(0.001)
            with lock:
                held[0] -= min(size, 100)
        return size

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, sizes, timeout=60)) == sizes
    assert (held[0], most[0]) == (0, 100)
