"""A stand-in for a language model: plays scripted conversations over the OpenAI protocol."""
