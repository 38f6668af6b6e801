"""The command line: parse, call one function of the pipeline, render, exit code. No decisions."""
