"""`stackctl uninstall`."""
