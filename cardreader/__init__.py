"""The card itself, its readers and the kiosk. The card application arrives with its own release."""
