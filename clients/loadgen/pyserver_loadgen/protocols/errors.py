"""What is raised where requests cannot be made as asked."""

from pyserver.errors import ConfigError


class RequestError(ConfigError):
    """Requests cannot be made: one sentence that names the input or option, what was expected and what came."""
