"""Processes that are confined before they read hostile bytes, and their parent's side.

    isolated_process  such a process as its parent sees it
    serving           its inside: confined, it answers one request after another
    confinement       what it gives up: by limits, by Landlock, by seccomp
    cpu_time          its CPU time, limited by its parent
    exit_status       how such a process ended, in words
    memory_headroom   how much memory its limit leaves
    plain_settings    its settings, as plain attributes
    protocol          the messages between it and its parent

Hashers are such processes, and so are the operators' classifiers.
"""
