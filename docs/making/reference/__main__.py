"""``python -m docs.making.reference``: writes docs/reference anew."""

from __future__ import annotations

from docs.making.reference import FOLDER, pages


def main() -> None:
    """Write what is new or other, and remove what is made from nothing any more."""
    made = pages()
    for path in FOLDER.rglob("*.md"):
        if str(path.relative_to(FOLDER)) not in made:
            path.unlink()
    for name, text in made.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}")


main()
