"""kubemint: one place to see, issue, rotate, prove and revoke Kubernetes credentials.

The package is a house with few rooms: `kube` talks to API servers, `issuance` is the core that other programs can
use as a library, `fleet` keeps a live picture of every cluster, `demo` is an embedded fleet of API servers, and
everything beside them is the dashboard and the command line.
"""

__version__ = "0.1.0"
