"""Serves the node type `agent`: a language model with tools, one journaled turn after another."""
