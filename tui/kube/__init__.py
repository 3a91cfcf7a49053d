"""Talking to API servers: configuration, TLS, sessions, lists, watches and errors.

This room knows how to reach a Kubernetes API server and what it can say. It knows nothing about credentials as a
subject (issuing, rotating), about the fleet, or about screens.

From file to answer: `yaml_loading`, `entries`, `kubeconfig` and `resolving` give an `Endpoint`; a `client` sends
through its `session` (`auth`, `exec_plugin`, `meters`), which opens a `transport` (`tls`); `responses` turns what comes
back into values and `errors`; `pages`, `watching` and `reflector` keep lists true; `discovery` asks what there is.
Importing any of them is cheap: aiohttp and kubernetes are loaded with the first request.
"""
