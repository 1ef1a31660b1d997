"""The words of the wire: frozen msgspec structs, one module per noun.

A struct says what a request must hold or what an answer holds; where a seed or the vendor's client fixes a key,
the class names the statement (S1-07) or contract page. Nothing here decides anything.

Unknown keys in requests are ignored, because clients of several versions send more than they need. Instants on
the wire are ISO 8601 text with microseconds and offset (S2-15).
"""
