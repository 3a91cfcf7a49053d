"""`python -m tui` is `kubemint`."""

from tui.cli import main

main()
