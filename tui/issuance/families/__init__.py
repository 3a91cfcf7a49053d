"""The families: each one way of giving out access, whole, in a module or folder of its own.

A family is listed in `registry`; nothing above or below the families names one.
"""
