"""Wrong TOML, told whole: every problem of a file at once, each with what, where and what is allowed."""
