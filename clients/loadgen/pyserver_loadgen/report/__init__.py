"""Tells what a load test found: JSON, CSV, tables, a live view, an HTML page and PNG plots.

Everything here reads a finished `measurement.Report` (the live view: windows as they close) and measures nothing.
"""
