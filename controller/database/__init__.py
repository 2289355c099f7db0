"""The controller's memory: how it is opened, its tables and migrations, numbers, and the audit's chain."""
