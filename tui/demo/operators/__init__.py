"""What runs on the API servers: the controllers of Kubernetes, DPF, External Secrets and Gardener."""
