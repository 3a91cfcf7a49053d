"""The shared issuance core: who gets a credential, in which form, where it is kept, and how it is renewed and revoked.

A library without any screen. It knows API servers through `tui.kube` and nothing of the dashboard.
"""
