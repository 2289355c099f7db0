"""What people see and type. No SQL and no rule: acts and views of the nouns, put into words."""
