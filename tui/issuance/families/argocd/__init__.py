"""The Secrets in which Argo CD keeps the clusters that it deploys to: each with an address and a token."""
