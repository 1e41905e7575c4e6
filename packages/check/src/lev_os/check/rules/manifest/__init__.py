"""`lev.toml`, exports, and other manifests."""
