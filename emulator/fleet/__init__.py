"""A fleet that runs: its links over MQTT, its memory on disk, its pace, and a broker of its own."""
