"""`lev check`: what stands between its options and `lev_os.check`."""
