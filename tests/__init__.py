"""The tests, one folder per room; what several rooms share (`controlplane`, `conftest`) lies beside the folders."""
