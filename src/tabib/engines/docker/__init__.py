"""The Docker Engine adapter: :func:`connect` gives a :class:`DockerEngine`."""

from tabib.engines.docker.engine import DockerEngine, connect

__all__ = ["DockerEngine", "connect"]
