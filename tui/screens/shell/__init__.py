"""The frame of the dashboard: main screen, prompt and palette, what keys become, and what is said in passing."""
