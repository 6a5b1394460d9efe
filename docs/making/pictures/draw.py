"""Boxes, arrows and words as SVG."""

from __future__ import annotations

from html import escape

_STYLE = """\
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 14px; fill: #1d2a36; }
.small { font-size: 12px; fill: #566573; }
.strong { font-weight: 600; }
.box rect { fill: #edf4fb; stroke: #2f6496; stroke-width: 1.5; }
.good rect { fill: #e9f6ec; stroke: #2c7a41; stroke-width: 1.5; }
.bad rect { fill: #fcecea; stroke: #b13a28; stroke-width: 1.5; }
.disk rect { fill: #fbf3e2; stroke: #94651a; stroke-width: 1.5; }
.plain rect { fill: none; stroke: #8a97a3; stroke-width: 1.2; stroke-dasharray: 5 4; }
.line { fill: none; stroke: #2f6496; stroke-width: 1.7; marker-end: url(#head); }
.line.bad { stroke: #b13a28; marker-end: url(#bad); }
.line.good { stroke: #2c7a41; marker-end: url(#good); }
.dashed { stroke-dasharray: 6 4; }
.head { fill: #2f6496; } .head.bad { fill: #b13a28; } .head.good { fill: #2c7a41; }
@media (prefers-color-scheme: dark) {
  text { fill: #e3e9ef; } .small { fill: #a3b0bd; }
  .box rect { fill: #16293c; stroke: #6ba4da; } .good rect { fill: #14301c; stroke: #63b97b; }
  .bad rect { fill: #3a1a15; stroke: #e58170; } .disk rect { fill: #33270f; stroke: #d2a352; }
  .line { stroke: #6ba4da; } .line.bad { stroke: #e58170; } .line.good { stroke: #63b97b; }
  .head { fill: #6ba4da; } .head.bad { fill: #e58170; } .head.good { fill: #63b97b; }
}
"""
_HEAD = (
    '<marker id="{id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto" markerUnits="userSpaceOnUse">'
    '<path class="head {kind}" d="M0 0 L8 4 L0 8 z"/></marker>'
)


class Picture:
    """One picture; ``about`` is what it shows, for those who cannot see it."""

    def __init__(self, name: str, width: int, height: int, about: str) -> None:
        self.name = name
        self._size = (width, height)
        self._about = about
        self._parts: list[str] = []

    def box(
        self, x: int, y: int, width: int, height: int, text: str, kind: str = "box", small: str = ""
    ) -> None:
        """Draw a box with its text in the middle, lines apart by ``|``."""
        lines = [(line, "strong" if small else "") for line in text.split("|")]
        lines += [(line, "small") for line in small.split("|") if small]
        top = y + height / 2 - (len(lines) - 1) * 9 + 5
        self._parts.append(
            f'<g class="{kind}"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>'
        )
        for number, (line, class_) in enumerate(lines):
            self._text(x + width / 2, top + number * 18, line, class_, "middle")
        self._parts.append("</g>")

    def arrow(
        self, *points: tuple[int, int], text: str = "", kind: str = "", dashed: bool = False
    ) -> None:
        """Draw an arrow through points; its text stands above the middle of its first leg."""
        path = " L".join(f"{x} {y}" for x, y in points)
        classes = " ".join(filter(None, ("line", kind, "dashed" if dashed else "")))
        self._parts.append(f'<path class="{classes}" d="M{path}"/>')
        (x1, y1), (x2, y2) = points[:2]
        if text:
            self._text((x1 + x2) / 2, (y1 + y2) / 2 - 7, text, "small", "middle")

    def note(self, x: int, y: int, text: str, anchor: str = "start", class_: str = "small") -> None:
        """Write words, lines apart by ``|``."""
        for number, line in enumerate(text.split("|")):
            self._text(x, y + number * 16, line, class_, anchor)

    def _text(self, x: float, y: float, text: str, class_: str, anchor: str) -> None:
        class_ = f' class="{class_}"' if class_ else ""
        place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
        self._parts.append(f"<text {place}{class_}>{escape(text)}</text>")

    def svg(self) -> str:
        """Return the picture."""
        width, height = self._size
        kinds = (("head", ""), ("bad", "bad"), ("good", "good"))
        heads = "".join(_HEAD.format(id=id_, kind=kind) for id_, kind in kinds)
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(self._about)}</title>",
            f"<style>\n{_STYLE}</style>",
            f"<defs>{heads}</defs>",
            *self._parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"
