"""What is signed: orders, times and roots, the envelope that carries them, and how their revisions join."""
