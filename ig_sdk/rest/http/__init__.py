"""One call to IG over HTTP: sent, limited, repeated, its errors read; for the login and the resources."""
