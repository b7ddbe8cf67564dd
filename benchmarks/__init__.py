"""Benchmarks: the targets of docs/performance, measured beside their floors."""
