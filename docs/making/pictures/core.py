"""What is inside: a batch's way, receipts, buffers, retries, the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from docs.making.pictures.draw import Picture


def drawn() -> Iterator[Picture]:
    """Draw them."""
    yield _batch()
    yield _receipts()
    yield _buffers()
    yield _retries()
    yield _ledger()


def _batch() -> Picture:
    p = Picture(
        "batch",
        760,
        270,
        "A batch goes from a source through transforms to the buffer of each sink",
    )
    p.box(10, 60, 110, 60, "source", small="docker")
    p.box(190, 60, 130, 60, "transform", small="multiline")
    p.box(360, 60, 130, 60, "transform", small="tagging")
    p.arrow((120, 90), (190, 90), text="batch")
    p.arrow((320, 90), (360, 90))
    for y, name, where in ((15, "syslog", "central"), (115, "http", "archive")):
        p.box(530, y, 90, 50, "buffer", small="its own")
        p.box(660, y, 90, 50, name, small=where)
        p.arrow((490, 90), (530, y + 25))
        p.arrow((620, y + 25), (660, y + 25))
    p.arrow((705, 165), (705, 215), (65, 215), (65, 120), kind="good", dashed=True)
    p.note(385, 207, "receipt: settled once every sink has settled it", "middle")
    p.note(255, 45, "inline, no queue between them", "middle")
    p.note(385, 245, "A batch: events of one container, in order. It enters all of its buffers or "
           "none.", "middle")  # fmt: skip
    return p


def _receipts() -> Picture:
    p = Picture(
        "receipts", 760, 225, "A position is committed up to the first batch that is not settled"
    )
    p.note(10, 28, "one container's batches, as they were read →", class_="strong")
    states = ("good", "good", "good", "bad", "good", "good", "plain")
    words = ("settled", "settled", "settled", "retrying", "settled", "settled", "in flight")
    for number, (kind, word) in enumerate(zip(states, words, strict=True)):
        p.box(10 + number * 106, 50, 94, 56, f"batch {number + 1}", kind, small=word)
    p.arrow((316, 175), (316, 112), kind="good")
    p.note(316, 195, "committed position|behind batch 3: everything before it is settled", "middle")
    p.arrow((740, 132), (330, 132), dashed=True)
    p.note(535, 152, "after a kill, 4 to 7 are read again: some come twice, none is lost", "middle")
    return p


def _buffers() -> Picture:
    p = Picture("buffers", 760, 300, "A buffer in memory that overflows to disk in an outage")
    p.note(10, 26, "The sink keeps up: nothing goes to disk", class_="strong")
    p.box(10, 45, 110, 50, "pipelines")
    p.box(230, 45, 190, 50, "queue in memory", small="bytes, ⅛ a container")
    p.box(560, 45, 110, 50, "sink", "good")
    p.arrow((120, 70), (230, 70))
    p.arrow((420, 70), (560, 70))
    p.note(
        10, 145, "It does not: the queue is written first, then all that is newer", class_="strong"
    )
    p.box(10, 185, 110, 50, "pipelines")
    p.box(190, 175, 270, 70, "", "disk")
    for number in range(4):
        p.box(205 + number * 62, 190, 54, 40, f"page {4 - number}", "plain")
    p.box(500, 185, 120, 50, "memory", small="read back")
    p.box(660, 185, 90, 50, "sink", "bad", small="away")
    p.arrow((120, 210), (190, 210))
    p.arrow((460, 210), (500, 210))
    p.arrow((620, 210), (660, 210), kind="bad", dashed=True)
    p.note(325, 268, "penstock.db, one durable group of pages and positions at a time", "middle")
    p.note(
        325, 286, "full too: wait (block), or drop by the policy that you chose, counted", "middle"
    )
    return p


def _retries() -> Picture:
    p = Picture("retries", 760, 330, "What becomes of a write: delivered, tried again, or divided")
    p.box(10, 130, 100, 50, "write")
    p.arrow((110, 155), (170, 155))
    p.box(170, 120, 130, 70, "destination", small="answers …")
    p.box(420, 10, 150, 46, "delivered", "good")
    p.box(420, 86, 150, 56, "governor", small="one for a destination")
    p.box(420, 172, 150, 56, "divided in halves", small="until one event is left")
    p.box(420, 258, 150, 56, "held", "plain", small="settings or secrets")
    p.arrow((300, 140), (420, 33), kind="good")
    p.arrow((300, 150), (420, 114))
    p.arrow((300, 162), (420, 200))
    p.arrow((300, 172), (420, 286), dashed=True)
    p.note(352, 60, "yes", "middle")
    p.note(372, 118, "not now", "middle")
    p.note(368, 172, "never this", "middle")
    p.note(334, 250, "not you", "middle")
    p.arrow((570, 114), (690, 114), (690, 70), (60, 70), (60, 130), dashed=True)
    p.note(580, 106, "backoff, for ever")
    p.box(620, 172, 130, 56, "dead letter", "bad", small="penstock dlq")
    p.arrow((570, 200), (620, 200), kind="bad")
    p.arrow((685, 228), (685, 290), dashed=True)
    p.note(590, 306, "replay, once it is mended")
    return p


def _ledger() -> Picture:
    p = Picture("ledger", 760, 240, "What came in equals what came to an end and what is in flight")
    left = (("read", 48), ("created", 30), ("carried in", 30), ("replayed", 30))
    right = (
        ("delivered", 48, "good"),
        ("filtered · merged", 30, "box"),
        ("dead-lettered", 30, "bad"),
        ("dropped · abandoned", 30, "bad"),
        ("in flight: memory, disk", 30, "disk"),
    )
    y = 40
    for name, height in left:
        p.box(60, y, 200, height, name)
        y += height + 4
    y = 22
    for name, height, kind in right:
        p.box(440, y, 240, height, name, kind)
        y += height + 4
    p.note(350, 130, "=", "middle", "strong")
    p.note(350, 152, "residue 0", "middle")
    p.note(380, 228, "for every sink and every container, over restarts", "middle")
    return p
