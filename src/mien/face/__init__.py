"""Points to geometry: numpy only, one code path for live and offline."""
