"""What goes wrong by a user's mistake, and is told to the user in one sentence."""


class UserProblem(Exception):
    """Its text says what is wrong, where, and what to do next."""


class StoreProblem(UserProblem):
    """The store cannot be written: what was finished is kept, nothing more can be."""
