"""Typed clients, made from a project's contract and nothing else."""
