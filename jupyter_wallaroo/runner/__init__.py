"""Processes that run what people wrote in the background; the server starts them and knows only what they say."""
