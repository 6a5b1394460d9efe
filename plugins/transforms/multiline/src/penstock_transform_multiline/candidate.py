"""One preset that a trace may be of."""

from __future__ import annotations

from collections.abc import Callable

from penstock_transform_multiline.machine import Machine, Rule


class Candidate:
    """A machine at work: its state, and how many lines are certainly of its trace."""

    __slots__ = ("machine", "state", "stay", "sure")

    def __init__(self, machine: Machine, rule: Rule) -> None:
        self.machine = machine
        self.sure = 1
        self.enter(rule)

    def enter(self, rule: Rule) -> None:
        """Go to the state behind a rule."""
        self.state = self.machine.states[rule.to]
        self.stay = self.state.stay

    def step(self, line: str, count: int, is_note: Callable[[], bool]) -> bool:
        """Go on by the line that is number ``count``; say whether it may belong to the trace.

        ``is_note`` tells whether the line, if it is plain, counts as the text of an exception.
        """
        if line.startswith(self.stay):
            self.sure = count
            return True
        rule = self.state.rule(line)
        if rule is None:
            return False
        if rule.sure or (rule.note and is_note()):
            self.sure = count
        self.enter(rule)
        return True
