"""From files as stored to layers on the requested grid."""
