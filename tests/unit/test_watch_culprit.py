"""Whose code runs: from stacks as they occur to a component's table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from penstock.api import Context, Sink
from penstock.config.plan import PipelinePlan, Plan, SinkPlan
from penstock.watch.culprit import Culprit, Packages, chain_of, stack_of


def component(module: str, table: str = "") -> Any:
    """Return a sink whose class says that it is of a module."""
    kind = type("It", (Sink,), {"name": "it", "__module__": module})
    made = kind(Sink.Config())
    made.context = Context(table=table)
    return made


def packages(**modules: str) -> Packages:
    """Return the packages of a plan with these sinks."""
    known = Packages()
    sinks = {
        name: SinkPlan(table=name, component=type(component(module)), config=Sink.Config())
        for name, module in modules.items()
    }
    pipelines = {"main": PipelinePlan(name="main", sources=(), sinks=tuple(sinks))}
    known.learn(Plan(sinks=sinks, pipelines=pipelines))
    return known


def stack(*calls: tuple[str, Any]) -> list[FrameType]:
    """Return real frames of functions in these modules, innermost first; each has a ``self``."""
    source = "def called(self, inner):\n    return inner()"
    inner: Callable[[], Any] = lambda: sys._getframe(1)  # noqa: E731
    for module, own in reversed(calls):
        space: dict[str, Any] = {"__name__": module}
        exec(compile(source, f"/site/{module.replace('.', '/')}.py", "exec"), space)
        inner = lambda f=space["called"], own=own, then=inner: f(own, then)  # noqa: E731
    frames = list(stack_of(inner()))
    return [one for one in frames if one.f_code.co_name == "called"]


def found(known: Packages, *calls: tuple[str, Any]) -> tuple[str, str]:
    """Return table and place of who is at fault, for calls from the outermost inwards."""
    culprit = known.culprit(stack(*calls))
    return (culprit.table, culprit.place) if culprit else ("", "")


def test_the_innermost_function_of_a_plugin_is_named() -> None:
    own = component("penstock_x.sink", "sinks.x")
    assert found(
        packages(x="penstock_x.sink"),
        ("penstock.bus.attempts", None),
        ("penstock_x.sink", own),
        ("penstock_x.helper", None),
        ("json.decoder", None),
    ) == ("sinks.x", "penstock_x/helper.py:2")


def test_the_table_is_that_of_the_instance() -> None:
    known = packages(a="penstock_x", b="penstock_x")
    own = component("penstock_x", "sinks.b")
    assert found(known, ("penstock_x.sink", own), ("penstock_x.sink", None))[0] == "sinks.b"


def test_all_tables_are_named_where_nothing_tells_them_apart() -> None:
    known = packages(a="penstock_x", b="penstock_x")
    assert found(known, ("penstock_x.sink", None))[0] == "sinks.a or sinks.b"


def test_what_the_kernel_does_after_a_plugin_called_it_is_the_kernels() -> None:
    own = component("penstock_x", "sinks.x")
    assert found(
        packages(x="penstock_x"), ("penstock_x.sink", own), ("penstock.bus.outlet", None)
    ) == ("", "bus/outlet.py:2")


@pytest.mark.parametrize("helper", ["penstock.api.template", "penstock.http.body"])
def test_what_core_does_on_a_plugins_behalf_is_the_plugins(helper: str) -> None:
    own = component("penstock_x.sink", "sinks.x")
    known = packages(x="penstock_x.sink")
    place = helper.removeprefix("penstock.").replace(".", "/")
    assert found(known, ("penstock_x.sink", own), (helper, None)) == (
        "sinks.x", "penstock_x/sink.py:2",
    )  # fmt: skip
    assert found(known, ("penstock.bus.attempts", None), (helper, own)) == (
        "sinks.x", f"{place}.py:2",
    )  # fmt: skip


def test_a_plugins_own_base_class_is_the_plugins() -> None:
    base = type("Base", (Sink,), {"__module__": "vendor.base"})
    kind = type("It", (base,), {"name": "it", "__module__": "penstock_x"})
    known = Packages()
    plan = SinkPlan(table="x", component=kind, config=Sink.Config())
    known.learn(Plan(sinks={"x": plan}))
    assert found(known, ("vendor.base", None))[0] == "sinks.x"


def test_what_is_of_nobody_is_nobodys() -> None:
    known = packages(x="penstock_x")
    assert known.culprit(stack(("json.decoder", None))) is None
    assert found(known, ("penstock.runtime", SimpleNamespace())) == ("", "penstock/runtime.py:2")


def test_components_of_an_earlier_plan_are_still_known() -> None:
    known = packages(x="penstock_x")
    known.learn(Plan())
    assert found(known, ("penstock_x", None))[0] == "sinks.x"


def test_a_culprit_names_the_distribution_that_brings_it() -> None:
    text = str(Culprit("transforms.f", "Filter.apply", "a/b.py:3", "penstock_transform_filter"))
    assert text.startswith("Filter.apply, a/b.py:3 (penstock-transform-filter ")
    assert str(Culprit("", "f", "a/b.py:3", "penstock.bus")) == "f, a/b.py:3"


async def test_a_waiting_coroutine_is_followed_to_where_it_waits() -> None:
    async def inner() -> None:
        await asyncio.sleep(3600)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    names = [frame.f_code.co_name for frame in chain_of(task.get_coro())]
    task.cancel()
    assert names == ["sleep", "inner", "outer"]
