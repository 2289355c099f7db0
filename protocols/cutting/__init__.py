"""When a cut is allowed: rules in local time, cut windows in UTC, and the linter of plans."""
