"""Makes one picture that moves out of several that do not: each shows for a while, and then they begin again.

Only CSS moves it. Who asked their system for less motion, or a viewer that knows no CSS, sees the first picture alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SECONDS = 3.5
"""So long each picture stays."""


def moving(pictures: Sequence[str]) -> str:
    """An SVG from SVGs of one size, as Textual exports them."""
    box = re.search(r'viewBox="([^"]+)"', pictures[0])
    assert box is not None
    share = 100 / len(pictures)
    style = (
        f"@keyframes turn {{ 0% {{ visibility: visible }} {share:.3f}%, 100% {{ visibility: hidden }} }}"
        f" .scene {{ visibility: hidden; animation: turn {len(pictures) * SECONDS:g}s step-end infinite }}"
        " .first { visibility: visible }"
        " @media (prefers-reduced-motion: reduce) { .scene { animation: none } }"
    )
    kinds = ["scene first"] + ["scene"] * (len(pictures) - 1)
    scenes = "\n".join(
        f'<g class="{kind}" style="animation-delay: {number * SECONDS:g}s">\n{_body(picture)}\n</g>'
        for number, (kind, picture) in enumerate(zip(kinds, pictures, strict=True))
    )
    return f'<svg viewBox="{box[1]}" xmlns="http://www.w3.org/2000/svg">\n<style>{style}</style>\n{scenes}\n</svg>\n'


def _body(picture: str) -> str:
    """What is in the outermost element."""
    begin = picture.index(">", picture.index("<svg")) + 1
    return picture[begin : picture.rindex("</svg>")].strip()
