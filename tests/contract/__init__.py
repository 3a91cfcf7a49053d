"""What a Kubernetes API server does, written once and checked on the embedded fleet and on a real control plane.

Nothing here knows kubemint: the checks speak HTTP (`api`) or run kubectl, so that both sides are measured alike. What
only one side has, and what changed between releases, is listed in `differences` with the reason.
"""
