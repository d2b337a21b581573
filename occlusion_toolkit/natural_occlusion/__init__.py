"""Square against world: do squares on visible joints predict the error of joints that the world hides?"""
