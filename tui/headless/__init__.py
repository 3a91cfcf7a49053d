"""The verbs of the command line: the same core as the dashboard, without a screen.

stdout carries data and nothing else; progress, warnings and errors go to stderr. Each verb is a module that is
imported when it is used, so that `--help` and `--version` cost next to nothing.
"""
