"""The controller process: everything that one machine runs besides its proxy workers.

composition        makes the services, and the workers that run in the background
server             runs them, and serves the admin API
local_access_file  tells commands on the same machine where the API is
"""
