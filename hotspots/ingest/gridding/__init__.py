"""From files as stored to layers on the asked grid: area-true means, majorities, shares."""
