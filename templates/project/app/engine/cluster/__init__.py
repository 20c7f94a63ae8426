"""Several servers that are one, by what they tell each other through Redis; imported with REDIS_URL only."""
