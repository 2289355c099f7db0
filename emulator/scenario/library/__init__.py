"""The scenarios shipped with the project, as TOML files."""
