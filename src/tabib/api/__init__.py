"""The daemon's HTTP API: routes over operations. ``docs/api.md`` lists them."""
