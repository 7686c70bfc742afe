"""Options of the server and of models: where they come from, and what they may be."""

from pyserver.config.load import load_model_config, load_settings
from pyserver.config.schema import ModelConfig, ServerSettings

__all__ = ["ModelConfig", "ServerSettings", "load_model_config", "load_settings"]
