"""Who may do what.

tokens  API tokens in the store, and the callers that they identify, with their roles
"""
