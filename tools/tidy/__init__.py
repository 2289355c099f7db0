"""Style rules of this project that ruff cannot check. `python -m tools.tidy` runs every rule.

A rule is a function that returns findings. The rules of `one_file` check one file at a time, those of
`definitions` and `signs` the whole project, `subjects` the commits. tests/meta/test_tidy*.py have a bad
sample for each rule.
"""
