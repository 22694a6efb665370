"""IG's candles as they are streamed, and longer ones built from them; used by ``IGStream`` alone."""
