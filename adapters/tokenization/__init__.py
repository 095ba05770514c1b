"""Frontend tokenization bridges, server side."""
