"""How the bytes of a source are had: politely, resumably, each fault in a plain sentence."""
