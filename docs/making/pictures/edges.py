"""What meets the outside: Docker's log, syslog without acknowledgement, a firehose, plugins."""

from __future__ import annotations

from collections.abc import Iterator

from docs.making.pictures.draw import Picture


def drawn() -> Iterator[Picture]:
    """Draw them."""
    yield _docker()
    yield _syslog()
    yield _firehose()
    yield _kinds()
    yield _plugins()


def _docker() -> Picture:
    p = Picture("docker", 760, 300, "Resuming at the anchor line, or saying what is missing")
    p.note(10, 26, "The last line that was sent is still there: it is the anchor", class_="strong")
    for number in range(9):
        kind = "good" if number < 4 else "box"
        p.box(10 + number * 82, 44, 74, 40, str(number + 1), kind)
    p.arrow((297, 130), (297, 90), kind="good")
    p.note(297, 146, "anchor: same time, stream and text", "middle")
    p.arrow((330, 110), (740, 110))
    p.note(540, 130, "read on from here: none missing, none repeated", "middle")
    p.note(10, 190, "It is gone, Docker rotated the file away: a gap event stands in its place",
           class_="strong")  # fmt: skip
    for number in range(3):
        p.box(10 + number * 82, 208, 74, 40, str(number + 1), "good")
    p.box(256, 208, 238, 40, "gap: from, to, reason", "bad")
    for number in range(3):
        p.box(502 + number * 82, 208, 74, 40, str(number + 7), "box")
    p.note(375, 276, "delivered like any event, counted in penstock_gaps_total", "middle")
    return p


def _syslog() -> Picture:
    p = Picture("syslog", 760, 300, "The resend window of syslog over TCP")
    p.box(10, 60, 150, 80, "Penstock", small="keeps a copy of what|is in the window")
    p.box(250, 70, 130, 60, "send queue", "disk", small="this kernel")
    p.box(430, 70, 130, 60, "receive queue", "disk", small="its kernel")
    p.box(620, 60, 130, 80, "receiver", small="reads … or hangs")
    p.arrow((160, 100), (250, 100), text="write")
    p.arrow((380, 100), (430, 100))
    p.arrow((560, 100), (620, 100))
    p.box(240, 48, 330, 100, "", "plain")
    p.note(405, 40, "the window: what a dying receiver would take along", "middle")
    p.note(385, 190, "A message counts as delivered only when its bytes have left the window.",
           "middle", "strong")  # fmt: skip
    p.arrow((685, 140), (685, 240), (85, 240), (85, 140), kind="bad", dashed=True)
    p.note(380, 232, "the connection ends uncleanly: all of the window is sent again, in order",
           "middle")  # fmt: skip
    p.note(
        380, 270, "some of it may come twice, under the same event id; none of it is lost", "middle"
    )
    return p


def _firehose() -> Picture:
    p = Picture("firehose", 760, 270, "What is read is taken in on disk, before anything else")
    p.box(10, 40, 120, 70, "firehose", small="nobody there|waits")
    p.box(190, 40, 120, 70, "reader", small="answers pings,|waits for nothing")
    p.box(380, 40, 130, 70, "intake", "disk", small="on disk, before|anything else")
    p.box(580, 40, 170, 70, "pipelines", small="transforms, buffers,|sinks: at their own pace")
    p.arrow((130, 66), (190, 66))
    p.arrow((190, 88), (130, 88), kind="good", dashed=True)
    p.note(160, 26, "pong, always on time", "middle")
    p.arrow((310, 75), (380, 75))
    p.arrow((510, 75), (580, 75))
    p.arrow((445, 110), (445, 170), kind="bad")
    p.box(345, 170, 200, 50, "dropped", "bad", small="by policy, counted by kind")
    p.note(455, 144, "full")
    p.arrow((70, 110), (70, 170), kind="bad")
    p.box(10, 170, 200, 50, "gap event", "bad", small="cut off, or dropped there")
    p.arrow((210, 195), (250, 195), (250, 112), dashed=True)
    p.note(380, 254, "for the source an event is settled once it is in the intake", "middle")
    return p


def _kinds() -> Picture:
    p = Picture("kinds", 760, 300, "Kinds of events, and which sink carries which")
    p.box(10, 115, 120, 60, "source", small="firehose")
    kinds = ("log", "counter", "gauge", "timer", "event", "gap")
    carried = {"log", "gap"}
    for number, kind in enumerate(kinds):
        y = 14 + number * 46
        p.box(210, y, 110, 34, kind, "good" if kind in carried else "box")
    p.arrow((130, 145), (200, 145))
    p.box(470, 30, 130, 60, "datadog", "good", small="carries all of them")
    p.box(470, 180, 130, 60, "syslog", small="carries log and gap")
    p.arrow((330, 145), (390, 145), (390, 60), (470, 60), kind="good")
    p.arrow((390, 145), (390, 210), (470, 210))
    p.box(650, 180, 100, 60, "filtered", "plain", small="kind: gauge …")
    p.arrow((600, 210), (650, 210), dashed=True)
    p.note(600, 270, "left out, and counted for each kind", "middle")
    p.note(535, 150, "penstock check says so before", "middle")
    return p


def _plugins() -> Picture:
    p = Picture("plugins", 760, 280, "Plugins are found by entry point and loaded by name")
    p.box(10, 20, 220, 52, "penstock-sink-syslog", small="ours")
    p.box(10, 92, 220, 52, "penstock-sink-memo", small="yours")
    p.box(10, 164, 220, 52, "broken-thing", "bad", small="somebody's")
    p.box(300, 60, 170, 120, "entry points", "plain", small="group penstock|sink-syslog|sink-memo")
    for y in (46, 118, 190):
        p.arrow((230, y), (300, 120))
    p.box(540, 20, 210, 70, "penstock run", small="loads those that the|file names")
    p.box(540, 130, 210, 70, "penstock plugins", small="tries all, says what|is wrong with which")
    p.arrow((470, 110), (540, 55), kind="good")
    p.arrow((470, 130), (540, 165))
    p.note(380, 240, "pip install, nothing to rebuild; a broken one is named and isolated",
           "middle")  # fmt: skip
    p.note(380, 260, "two of one name are refused, and both distributions named", "middle")
    return p
