"""The controller's store: how it is opened, its tables and migrations, counters, and bulk statements."""
