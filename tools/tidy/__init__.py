"""Style as a test: what ruff cannot say about this project's files. `python -m tools.tidy` runs every rule.

A rule is a function to findings: those of `one_file` look at one file at a time, those of
`definitions` and `signs` at the whole project, `subjects` at the commits. tests/meta/test_tidy*.py
hold a bad sample for each rule.
"""
