"""The head-end: a room for each thing that the operator thinks in, the service, the faces, and the demo."""
