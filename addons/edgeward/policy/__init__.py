"""Where and when the policy of a list holds, and where nothing is scanned.

list_limits        the mode that a list has at one target (hosts, paths, share), and verdicts by it
limit_changes      whether a change of these limits made a list act where it did not
unscanned_targets  the URLs at which scanning is off
list_expiry        turns lists off whose time has come
"""
