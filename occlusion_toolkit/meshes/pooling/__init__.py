"""From the maps of many images to one mesh: what vertices take, and how it is pooled."""
