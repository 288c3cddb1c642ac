"""Potential methods: each a pure function from arrays to arrays, with its formula and limits."""
