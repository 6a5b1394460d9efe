"""Containers that count, and what has to become of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tests.system.parts.engine import Engine

_COUNT = """
i=$(cat /reached 2>/dev/null || echo 0)
while [ $i -lt {count} ]; do
  end=$((i + {burst}))
  while [ $i -lt $end ]; do echo "$NAME $i {pad}"; i=$((i + 1)); done
  {remember}
  usleep {pause_us}
done
"""


class Account(msgspec.Struct, frozen=True):
    """What arrived of one container: each number once at least, in order; and again."""

    arrived: int
    repeated: int


class Counter:
    """A container that prints its name and a number a line, from 0, ``burst`` lines at once.

    Where it ``restarts`` it goes on about where it was.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        count: int = 1_000_000_000,
        burst: int = 20,
        pause_s: float = 0.02,
        pad: int = 60,
        restarts: bool = False,
        log_opts: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._engine = engine
        self._pad = "x" * pad
        script = _COUNT.format(
            count=count,
            burst=burst,
            pad=self._pad,
            pause_us=int(pause_s * 1_000_000),
            remember="echo $i > /reached" if restarts else "",
        )
        self.container = engine.run(name, script, env={"NAME": name}, log_opts=log_opts)
        self.origin = f"docker:{self.container}"

    def stop(self) -> int:
        """End it at once; return how many lines Docker has of it."""
        self._engine.docker("kill", self.name)
        return self.printed()

    def printed(self) -> int:
        """How many lines Docker has of it; the whole of it, as nothing is rotated away."""
        lines, _ = self._engine.logs(self.name)
        assert [self.number(line) for line in lines] == list(range(len(lines)))
        return len(lines)

    def last_line(self, count: int) -> str:
        """The text of the last of so many lines."""
        return f"{self.name} {count - 1} {self._pad}"

    def number(self, line: str) -> int:
        """The number in a line of its own."""
        name, number, _ = line.split(" ", 2)
        assert name == self.name
        return int(number)

    def numbers(self, lines: Iterable[str]) -> list[int]:
        """The numbers of its own lines among those of all, as they arrived."""
        return [self.number(line) for line in lines if line.startswith(f"{self.name} ")]

    def account(self, lines: Sequence[str], count: int) -> Account:
        """Check that all of so many lines arrived, in order but for repeats."""
        numbers = self.numbers(lines)
        distinct = list(dict.fromkeys(numbers))
        missing = sorted(set(range(count)) - set(distinct))
        assert not missing, f"{self.name}: {len(missing)} of {count} lost, the first {missing[0]}"
        assert distinct == list(range(count)), f"{self.name}: out of order"
        return Account(count, len(numbers) - count)

    def unexplained(self, lines: Sequence[str], count: int) -> list[int]:
        """The first missing number of each hole that no gap event explains, of so many lines."""
        holes: list[int] = []
        highest, gap = -1, False
        for line in lines:
            if line.startswith("penstock: ") and "lost" in line:
                gap = True
            for number in self.numbers([line]):
                if number > highest + 1 and not gap:
                    holes.append(highest + 1)
                highest, gap = max(highest, number), False
        return holes if highest == count - 1 else [*holes, highest + 1]
