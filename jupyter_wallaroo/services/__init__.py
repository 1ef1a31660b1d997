"""The rules: one module per noun, and nowhere else is a decision about a noun made.

REST, SDK, magics and panels all end here. Services know no HTTP: they take a request struct and the caller, raise from
`errors`, and give a response struct.
"""
