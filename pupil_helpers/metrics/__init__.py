"""How good is a prediction, and how good could it be?"""
