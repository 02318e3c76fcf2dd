"""Documents, the compiled form, signals, tokens and events: plain typed structs, no I/O.

Import from the submodules; each holds one noun of the wire or of the document.
"""
