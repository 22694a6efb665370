"""The login and its tokens, shared by all threads of a client; for every resource that calls IG."""
