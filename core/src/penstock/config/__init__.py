"""Configuration: from TOML to resolved strings, to typed settings, to a plan."""
