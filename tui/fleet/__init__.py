"""The fleet: which clusters there are, and a live picture of the accounts, requests and credentials in them.

Knows how to reach clusters (`tui.kube`) and what credentials are (`tui.issuance`); knows nothing about screens.
"""
