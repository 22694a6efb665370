"""What IG sends about markets: details, ladders and lists, as models without I/O; for the resources and the deals."""
