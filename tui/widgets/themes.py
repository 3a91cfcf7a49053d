"""kubemint's two themes. Stylesheets only use the names defined here, never a colour.

Every pair of text and ground has a contrast of at least 4.5 to 1, and no meaning rests on a hue alone: wherever a tone
is used a glyph and a word stand beside it.
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = "kubemint-dark"
LIGHT: Final = "kubemint-light"

THEMES: Final = (
    Theme(
        name=DARK,
        primary="#5fd7a7",
        secondary="#7aa2f7",
        accent="#8be9c8",
        warning="#f2c265",
        error="#ff7a85",
        success="#67d990",
        foreground="#d6deeb",
        background="#0f141b",
        surface="#141b24",
        panel="#1c2530",
        boost="#223040",
        dark=True,
        variables={
            "good": "#67d990",
            "warn": "#f2c265",
            "bad": "#ff7a85",
            "info": "#7cb7ff",
            "mute": "#8595a8",
            "faint": "#6b7a8c",
            "strong": "#f4f7fb",
            "line": "#2a3644",
            "cursor": "#21404a",
            "cursor-quiet": "#1b2733",
            "chip": "#20303a",
            "block-cursor-background": "#2b5a5f",
            "block-cursor-foreground": "#f4f7fb",
            "block-cursor-text-style": "bold",
            "input-selection-background": "#5fd7a7 30%",
            "footer-background": "#141b24",
            "footer-key-foreground": "#5fd7a7",
            "footer-description-foreground": "#a9b6c6",
            "border": "#3d5a66",
            "border-blurred": "#2a3644",
            "scrollbar": "#2f3d4c",
            "scrollbar-hover": "#3f5366",
            "scrollbar-active": "#5fd7a7",
            "scrollbar-background": "#0f141b",
            "scrollbar-background-hover": "#0f141b",
            "scrollbar-background-active": "#0f141b",
            "scrollbar-corner-color": "#0f141b",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#0b6b54",
        secondary="#2255b8",
        accent="#0b6b54",
        warning="#8a5300",
        error="#b3202f",
        success="#1a6b35",
        foreground="#22303c",
        background="#fbfaf6",
        surface="#f3f1ea",
        panel="#e9e6dc",
        boost="#dfe9e4",
        dark=False,
        variables={
            "good": "#1a6b35",
            "warn": "#8a5300",
            "bad": "#b3202f",
            "info": "#1f55ad",
            "mute": "#5a6772",
            "faint": "#65717b",
            "strong": "#0b141b",
            "line": "#d3cfc2",
            "cursor": "#cfe6dc",
            "cursor-quiet": "#e7ece6",
            "chip": "#e2ebe4",
            "block-cursor-background": "#0b6b54",
            "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "bold",
            "input-selection-background": "#0b6b54 25%",
            "footer-background": "#f3f1ea",
            "footer-key-foreground": "#0b6b54",
            "footer-description-foreground": "#47545f",
            "border": "#8fb3a4",
            "border-blurred": "#d3cfc2",
            "scrollbar": "#cfcabb",
            "scrollbar-hover": "#b5b0a1",
            "scrollbar-active": "#0b6b54",
            "scrollbar-background": "#fbfaf6",
            "scrollbar-background-hover": "#fbfaf6",
            "scrollbar-background-active": "#fbfaf6",
            "scrollbar-corner-color": "#fbfaf6",
        },
    ),
)


def known_theme(name: str | None) -> str:
    """The full name of the theme a person asked for (`dark`, `light`, or one of Textual's own)."""
    return {None: DARK, "": DARK, "dark": DARK, "light": LIGHT}.get(name, name or DARK)
