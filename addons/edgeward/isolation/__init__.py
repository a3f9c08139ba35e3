"""A process that is locked up before it reads what may be hostile, and its parent's side of it.

    isolated     such a process as its parent sees it
    serving      its inside: confined, it answers one question after another
    confinement  what it gives up: by limits, by landlock, by seccomp
    room         how much memory its limit leaves
    frames       what it and its parent say to each other

Hashers are such processes, and the classifiers of operators.
"""
