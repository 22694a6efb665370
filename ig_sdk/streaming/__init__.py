"""IG's items on top of Lightstreamer: typed prices, account and deals."""
