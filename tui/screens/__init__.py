"""The dashboard's screens. They wire widgets to the session and decide nothing about credentials."""
