"""JSON bodies that both servers send: of markets, and of deals and their confirms. For ``rest`` and ``stream``."""
