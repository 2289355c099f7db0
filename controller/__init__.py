"""The head-end: policy (pure), store, service, command line, and the demo."""
