"""Which part of the pupil made a model predict what it predicts?"""
