"""What goes: deleted runs, old ones by policy, blobs that nothing names, leftovers on Redis."""
