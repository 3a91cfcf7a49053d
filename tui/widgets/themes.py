"""kubemint's themes, and where its stylesheets are, which only use the names defined here, never a colour.

Every pair of text and ground has a contrast of at least 4.5 to 1, and no meaning rests on a hue alone: wherever a tone
is used a glyph and a word stand beside it. One theme uses nothing but the terminal's own sixteen colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from textual.theme import Theme

from tui.fleet.signs import Tone

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_PREFIX: Final = "kubemint-"
DARK: Final = "kubemint-dark"
LIGHT: Final = "kubemint-light"
COLOUR_BLIND: Final = "kubemint-colour-blind"
TERMINAL: Final = "kubemint-terminal"


_ANSI: Final = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "input-cursor-background": "ansi_white",
    "input-cursor-foreground": "ansi_black",
    "input-cursor-text-style": "none",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_cyan",
    "screen-selection-foreground": "ansi_black",
}
"""What Textual itself wants to know of a theme in the terminal's own colours."""
_TONES: Final = ("good", "warn", "bad", "info", "mute", "faint", "strong", "line", "cursor", "chip")
"""The colours that stylesheets know by the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours that one theme is made of."""

    dark: bool
    ground: str
    surface: str
    panel: str
    boost: str
    text: str
    strong: str
    mute: str
    faint: str
    primary: str
    secondary: str
    accent: str
    good: str
    warn: str
    bad: str
    info: str
    line: str
    border: str
    cursor: str
    cursor_quiet: str
    chip: str
    block: str
    block_text: str
    selection: str
    keys: str
    bar: str
    bar_hover: str

    def theme(self, name: str) -> Theme:
        """As Textual's theme, with every variable that the stylesheets and Textual's own widgets use."""
        ansi = self.ground.startswith("ansi_")
        return Theme(
            name=name,
            ansi=ansi,
            primary=self.primary,
            secondary=self.secondary,
            accent=self.accent,
            warning=self.warn,
            error=self.bad,
            success=self.good,
            foreground=self.text,
            background=self.ground,
            surface=self.surface,
            panel=self.panel,
            boost=self.boost,
            dark=self.dark,
            variables={
                **{name: getattr(self, name) for name in _TONES},
                "cursor-quiet": self.cursor_quiet,
                "block-cursor-background": self.block,
                "block-cursor-foreground": self.block_text,
                "block-cursor-text-style": "bold",
                "input-selection-background": self.selection,
                "footer-background": self.surface,
                "footer-key-foreground": self.primary,
                "footer-description-foreground": self.keys,
                "border": self.border,
                "border-blurred": self.line,
                "scrollbar": self.bar,
                "scrollbar-hover": self.bar_hover,
                "scrollbar-active": self.primary,
                "scrollbar-background": self.ground,
                "scrollbar-background-hover": self.ground,
                "scrollbar-background-active": self.ground,
                "scrollbar-corner-color": self.ground,
                **(_ANSI if ansi else {}),
            },
        )


PALETTES: Final[dict[str, Palette]] = {
    DARK: Palette(
        dark=True,
        ground="#0f141b", surface="#141b24", panel="#1c2530", boost="#223040",
        text="#d6deeb", strong="#f4f7fb", mute="#8595a8", faint="#6b7a8c",
        primary="#5fd7a7", secondary="#7aa2f7", accent="#8be9c8",
        good="#67d990", warn="#f2c265", bad="#ff7a85", info="#7cb7ff",
        line="#2a3644", border="#3d5a66", cursor="#1f3d47", cursor_quiet="#1b2733", chip="#20303a",
        block="#2b5a5f", block_text="#f4f7fb", selection="#5fd7a7 30%", keys="#a9b6c6",
        bar="#2f3d4c", bar_hover="#3f5366",
    ),
    LIGHT: Palette(
        dark=False,
        ground="#fbfaf6", surface="#f3f1ea", panel="#e9e6dc", boost="#dfe9e4",
        text="#22303c", strong="#0b141b", mute="#55626d", faint="#65717b",
        primary="#0b6b54", secondary="#2255b8", accent="#0b6b54",
        good="#1a6b35", warn="#8a5300", bad="#b3202f", info="#1f55ad",
        line="#d3cfc2", border="#8fb3a4", cursor="#cfe6dc", cursor_quiet="#e7ece6", chip="#e2ebe4",
        block="#0b6b54", block_text="#ffffff", selection="#0b6b54 25%", keys="#47545f",
        bar="#cfcabb", bar_hover="#b5b0a1",
    ),
    # Okabe and Ito's eight colours, which people with any colour vision tell apart: blue is good, vermilion is bad.
    COLOUR_BLIND: Palette(
        dark=True,
        ground="#11141a", surface="#171b23", panel="#20252f", boost="#262d3a",
        text="#dfe3ea", strong="#ffffff", mute="#919caa", faint="#75808e",
        primary="#56b4e9", secondary="#3a93d6", accent="#f0e442",
        good="#56b4e9", warn="#f0e442", bad="#f08a4b", info="#dd90ac",
        line="#2e3643", border="#45617a", cursor="#1a344b", cursor_quiet="#1d2733", chip="#233040",
        block="#245579", block_text="#ffffff", selection="#56b4e9 30%", keys="#b3bcc8",
        bar="#333d4b", bar_hover="#45536a",
    ),
    # What the terminal calls these colours; the cursor is drawn in reverse (see the stylesheets).
    TERMINAL: Palette(
        dark=True,
        ground="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default",
        text="ansi_default", strong="ansi_default", mute="ansi_default", faint="ansi_default",
        primary="ansi_cyan", secondary="ansi_blue", accent="ansi_cyan",
        good="ansi_green", warn="ansi_yellow", bad="ansi_red", info="ansi_blue",
        line="ansi_default", border="ansi_cyan", cursor="ansi_default", cursor_quiet="ansi_default",
        chip="ansi_default", block="ansi_cyan", block_text="ansi_black", selection="ansi_blue", keys="ansi_default",
        bar="ansi_blue", bar_hover="ansi_bright_blue",
    ),
}  # fmt: skip

THEMES: Final = tuple(palette.theme(name) for name, palette in PALETTES.items())
NAMES: Final = tuple(name.removeprefix(_PREFIX) for name in PALETTES)
"""As people call them."""


def known_theme(name: str) -> str:
    """The full name of the theme a person asked for."""
    return name if name in PALETTES else _PREFIX + name


def short_name(name: str) -> str:
    """What people call a theme."""
    return name.removeprefix(_PREFIX)


def next_theme(name: str) -> str:
    """The full name of the one after this."""
    names = list(PALETTES)
    return names[(names.index(name) + 1) % len(names)] if name in names else DARK


def style_of(tone: Tone) -> str:
    """A tone as a style for `Content`: the themes have a colour of its name."""
    return f"${tone.value}" if tone else ""


def stylesheets() -> list[str | PurePath]:
    """Every stylesheet, in a stable order: inside the installed package, or beside it in a checkout.

    Raises FileNotFoundError with both places where there are none."""
    for folder in (_PACKAGE / "styles", _PACKAGE.parent / "styles"):
        found = sorted(folder.glob("*.tcss"))
        if found:
            return list(found)
    raise FileNotFoundError(f"no stylesheets in {_PACKAGE / 'styles'} or {_PACKAGE.parent / 'styles'}")
