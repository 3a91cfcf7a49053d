"""The themes: every tone can be read on every ground, and no two tones that mean different things look the same."""

from __future__ import annotations

import itertools

import pytest
from textual.color import Color

from tui.widgets.themes import COLOUR_BLIND, NAMES, PALETTES, TERMINAL, known_theme, next_theme, short_name

MIXED = [name for name in PALETTES if name != TERMINAL]


def luminance(colour: Color) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [part / 255 for part in (colour.r, colour.g, colour.b)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted(luminance(Color.parse(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", MIXED)
def test_every_tone_can_be_read(name: str) -> None:
    palette = PALETTES[name]
    grounds = {
        "ground": palette.ground, "surface": palette.surface, "panel": palette.panel, "boost": palette.boost,
        "cursor": palette.cursor, "cursor_quiet": palette.cursor_quiet, "chip": palette.chip,
    }  # fmt: skip
    tones = {
        "text": palette.text, "strong": palette.strong, "good": palette.good, "warn": palette.warn,
        "bad": palette.bad, "info": palette.info, "primary": palette.primary,
    }  # fmt: skip
    weak = {
        (tone, ground): round(contrast(colour, on), 2)
        for (tone, colour), (ground, on) in itertools.product(tones.items(), grounds.items())
        if contrast(colour, on) < 4.5
    }
    assert weak == {}
    dim = {
        (tone, ground): round(contrast(colour, on), 2)
        for (tone, colour), (ground, on) in itertools.product(
            {"mute": palette.mute, "faint": palette.faint, "keys": palette.keys}.items(), grounds.items()
        )
        if contrast(colour, on) < 3 and (tone, ground) not in {("faint", "cursor"), ("faint", "chip")}
    }
    assert dim == {}, "nothing faint stands on the cursor's row or on a chip"
    assert contrast(palette.mute, palette.ground) >= 4.5
    assert contrast(palette.secondary, palette.ground) >= 4.5, "the timeline's bars, and the numbers on them"
    assert contrast(palette.keys, palette.surface) >= 4.5
    assert contrast(palette.block_text, palette.block) >= 4.5
    assert contrast(palette.ground, palette.bad) >= 4.5, "the button of what cannot be undone"


def test_the_tones_of_the_colour_blind_theme_differ_in_lightness_or_blueness() -> None:
    """Red and green look alike to many; what these tones differ in does not."""
    palette = PALETTES[COLOUR_BLIND]
    tones = [palette.good, palette.warn, palette.bad, palette.info]
    for one, other in itertools.combinations(tones, 2):
        first, second = Color.parse(one), Color.parse(other)
        assert abs(first.b - second.b) > 60 or contrast(one, other) > 1.5, (one, other)


def test_the_terminals_own_colours_are_all_that_its_theme_uses() -> None:
    palette = PALETTES[TERMINAL]
    fields = [getattr(palette, field) for field in palette.__dataclass_fields__ if field != "dark"]
    assert all(colour.startswith("ansi_") for colour in fields)


def test_names_lead_around() -> None:
    assert [short_name(known_theme(name)) for name in NAMES] == list(NAMES)
    seen, name = [], known_theme(NAMES[0])
    for _ in NAMES:
        seen.append(short_name(name))
        name = next_theme(name)
    assert seen == list(NAMES)
    assert next_theme("textual-dark") == known_theme("dark")
