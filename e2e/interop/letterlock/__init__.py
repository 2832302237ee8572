"""A client of the Letterlock protocol, version 1, written from docs/protocol.md alone.

It must never take a name or a value from the TypeScript sources: section numbers here are that page's.
"""
