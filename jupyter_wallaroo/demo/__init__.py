"""The demo that `jupyter wallaroo demo` ships: a small real classifier and the data to ask it about."""
