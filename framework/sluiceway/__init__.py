"""Sluiceway: integration pipelines on AWS."""
