"""SIGKILL in the middle of copies, restores, drills and prunes: is there always a good copy left,
and does the next run complete?"""
