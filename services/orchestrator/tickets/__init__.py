"""Tickets: a browser cannot send headers with a socket, so it shows one of these."""
